"""What all optimizers share: groups of parameters with options, the state beside each one, and the one call a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .._core import optimizer_step
from .._errors import NonFiniteError
from .._options import count, flag, not_negative
from .._saved import part, rows
from ..ops import as_f32
from ..tensor import Array, adding
from ._parameters import Parameters, Trainable, grouped, named, non_finite, refuse_other_names

Check = Callable[[str, Any], Any]


@dataclass(slots=True)
class Slot:
    """A parameter, and what is remembered of it."""

    parameter: Trainable
    name: str
    group: int
    steps: int = 0
    product: float = 1.0  # of the momenta of all steps, for NAdam
    names: tuple[str, ...] = ()  # of the arrays in ``state``
    state: Array = field(init=False)  # [names, ...]: for each name an array like the parameter

    def __post_init__(self) -> None:
        self.state = np.zeros((0, *self.parameter._buffer.shape), np.float32)


class Optimizer:
    """Moves parameters by their gradients.

    Args:
        parameters: a module, or a list of parameters, of (name, parameter) pairs, or of groups. A group is a dictionary
            with ``params`` and any options of its own. Shared parameters count once.
        options: what holds for groups that do not say otherwise.

    ``param_groups`` shows the groups with all their options, which may be changed at any time; the next step checks
    them. Frozen parameters (``requires_grad=False``) and those without a gradient are left alone. Nothing but
    ``zero_grad`` forgets gradients, so those of several backward passes add up.
    """

    # For the rules to set: the name in Rust, and the checks of the options beside those that all have.
    _rule: ClassVar[str]
    _checks: ClassVar[Mapping[str, Check]] = {}

    def __init__(self, parameters: Parameters, **options: Any) -> None:
        self._defaults = self._checked(options)
        self._slots: list[Slot] = []
        self.param_groups: list[dict[str, Any]] = []
        self._seen: list[dict[str, Any]] = []  # the groups as they were checked last
        for group in grouped(parameters):
            self.add_param_group(group)
        if not self._slots:
            raise ValueError("the optimizer was given no parameters")

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        checks: dict[str, Check] = {
            "lr": not_negative,
            **self._checks,
            "weight_decay": not_negative,
            "decoupled": flag,
            "initial_lr": not_negative,  # where schedules keep the rate that they start from
        }
        unknown = [name for name in options if name not in checks]
        if unknown:
            raise ValueError(f"{type(self).__name__} has no option {unknown[0]!r}; it has {', '.join(checks)}")
        return {name: checks[name](name, value) for name, value in options.items()}

    def _check_changed(self) -> None:
        """Check the options of the groups in which some were changed since the last step, by the user or a schedule."""
        for index, (group, seen) in enumerate(zip(self.param_groups, self._seen, strict=True)):
            if group != seen:
                # A schedule sets the rate at each step, so that alone is looked at in a tenth of the time.
                lr = group["lr"]
                if type(lr) is float and lr >= 0.0:
                    seen["lr"] = lr
                if group != seen:
                    group.update(self._checked({name: value for name, value in group.items() if name != "params"}))
                    self._seen[index] = dict(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own.

        Args:
            group: ``params`` (what the constructor takes, but no groups), and any of the optimizer's options.
        """
        if "params" not in group:
            raise ValueError(f"a parameter group needs 'params', got {', '.join(map(repr, group)) or 'nothing'}")
        options = self._checked({**self._defaults, **{name: v for name, v in group.items() if name != "params"}})
        known = {id(slot.parameter): slot.name for slot in self._slots}
        parameters = named(group["params"])
        for name, parameter in parameters:
            if id(parameter) in known:
                raise ValueError(f"{name} is in two parameter groups (as {known[id(parameter)]} in an earlier one)")
        index = len(self.param_groups)
        self._slots += [Slot(parameter, name, index) for name, parameter in parameters]
        self.param_groups.append({"params": [parameter for _, parameter in parameters], **options})
        self._seen.append(dict(self.param_groups[-1]))

    def _state_names(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of the arrays that the rule keeps beside each parameter, in Rust's order."""
        raise NotImplementedError

    def _initial(self, group: Mapping[str, Any]) -> float:
        """Return what state begins with."""
        return 0.0

    def step(self) -> None:
        """Move every parameter that has a gradient; or none, if a number is not finite.

        Raises:
            NonFiniteError: names the first gradient, else parameter, else state that is not finite, or the parameter
                that the step would take beyond float32. Nothing was changed.
        """
        self._check_changed()
        names = [self._state_names(group) for group in self.param_groups]
        taken, given, versions = [], [], []
        for slot in self._slots:
            parameter = slot.parameter
            grad = parameter.grad
            if grad is None or not parameter.requires_grad:
                continue
            if slot.names != names[slot.group]:
                self._make_room(slot, names[slot.group])
            taken.append(slot)
            given.append(
                (slot.group, slot.name, slot.steps, slot.product, parameter._buffer, grad, slot.state),
            )
            versions.append(parameter.version)
            # Here and again behind the call: ``Parameter.touch`` says why.
            parameter.touch()
        products, fault = optimizer_step(self._rule, self.param_groups, given)
        if fault is not None:
            for slot, version in zip(taken, versions, strict=True):
                slot.parameter.version = version
            raise self._fault(taken[fault[0]], fault[1])
        for slot, product in zip(taken, products, strict=True):
            slot.parameter.touch()
            slot.steps += 1
            slot.product = product

    def _make_room(self, slot: Slot, names: tuple[str, ...]) -> None:
        """Give a slot the arrays of these names: those it has, and new ones."""
        shape = slot.parameter._buffer.shape
        state = np.full((len(names), *shape), self._initial(self.param_groups[slot.group]), np.float32)
        for row, name in enumerate(names):
            if name in slot.names:
                state[row] = slot.state[slot.names.index(name)]
        slot.names, slot.state = names, state

    def _fault(self, slot: Slot, kind: str) -> NonFiniteError:
        nothing = "the step was not taken"
        if kind == "gradient":
            return non_finite(f"the gradient of {slot.name}", np.asarray(slot.parameter.grad), nothing)
        if kind == "parameter":
            return non_finite(slot.name, slot.parameter._buffer, nothing)
        if kind == "state":
            bad = next((row for row, array in enumerate(slot.state) if not np.isfinite(array).all()), 0)
            return non_finite(f"the state {slot.names[bad]} of {slot.name}", slot.state[bad], nothing)
        lr = self.param_groups[slot.group]["lr"]
        return NonFiniteError(f"the step of {slot.name} would go beyond float32 (lr={lr:g}); {nothing}")

    def zero_grad(self) -> None:
        """Forget all gradients: each ``grad`` becomes ``None``."""
        with adding():
            for slot in self._slots:
                slot.parameter.grad = None

    @property
    def lr(self) -> float:
        """The learning rate of the first group; setting it sets that of all groups."""
        return float(self.param_groups[0]["lr"])

    @lr.setter
    def lr(self, lr: float) -> None:
        rate = not_negative("lr", lr)
        for group in self.param_groups:
            group["lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        """Return all that a run needs to go on with the same bits, as a plain dictionary of copies."""
        groups = [{k: v for k, v in group.items() if k != "params"} for group in self.param_groups]
        slots = [
            {
                "name": slot.name,
                "group": slot.group,
                "steps": slot.steps,
                "product": slot.product,
                "state": {name: np.array(slot.state[row]) for row, name in enumerate(slot.names)},
            }
            for slot in self._slots
        ]
        return {"optimizer": type(self).__name__, "groups": groups, "slots": slots}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take on what ``state_dict`` returned, options included; on an error nothing is changed.

        The optimizer must be of the same kind and have the same parameters in the same groups.
        """
        kind = type(self).__name__
        if part(state, "optimizer") != kind:
            raise ValueError(f"this is not the state of {kind} but of {state['optimizer']!r}")
        groups = [self._checked(group) for group in rows(state, "groups")]
        if len(groups) != len(self.param_groups):
            raise ValueError(f"the state has {len(groups)} parameter groups, the optimizer {len(self.param_groups)}")
        given = rows(state, "slots")
        if [part(slot, "group") for slot in given] != [slot.group for slot in self._slots]:
            raise ValueError(
                f"the state is of {len(given)} parameters, or of other groups; the optimizer has {len(self._slots)}"
            )
        refuse_other_names([slot.name for slot in self._slots], [part(slot, "name", str) for slot in given])
        loaded = []
        for slot, other in zip(self._slots, given, strict=True):
            shape = slot.parameter._buffer.shape
            axes = [("", extent) for extent in shape]
            kept = part(other, "state", Mapping)
            each = [as_f32(f"{name} of {slot.name}", array, axes) for name, array in kept.items()]
            arrays = np.array(each, np.float32).reshape(len(each), *shape)
            steps, product = count("steps", part(other, "steps"), 0), not_negative("product", part(other, "product"))
            loaded.append((steps, product, tuple(kept), arrays))
        for slot, (steps, product, names, arrays) in zip(self._slots, loaded, strict=True):
            slot.steps, slot.product, slot.names, slot.state = steps, product, names, arrays
        for group, options in zip(self.param_groups, groups, strict=True):
            group.update(options)

    def __repr__(self) -> str:
        numbers = sum(slot.parameter._buffer.size for slot in self._slots)
        options = []
        for name in self._defaults:
            values = [group[name] for group in self.param_groups]
            options.append(f"{name}={values[0] if all(value == values[0] for value in values) else values}")
        return f"{type(self).__name__}({len(self._slots)} parameters, {numbers:,} numbers, {', '.join(options)})"
