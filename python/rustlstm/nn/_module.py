"""Modules: things with parameters, and how these are listed, saved and loaded. No arithmetic."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TextIO, TypeVar

import numpy as np

from ..ops import as_f32
from ..tensor import Array, adding
from ._config import describe, register
from ._parameter import Parameter

_M = TypeVar("_M", bound="Module")


class LoadResult(NamedTuple):
    """What ``load_state_dict(strict=False)`` left alone."""

    missing: list[str]
    unexpected: list[str]


class Module:
    """A thing with parameters: those among its attributes, and those of the modules among its attributes.

    Lists and tuples of modules count too. Shared parameters are listed once.
    """

    training: bool = True
    # The names of the attributes that count what was drawn so far: a run that is resumed restores them.
    _counters: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        register(cls)

    if not TYPE_CHECKING:  # or mypy would let any attribute be set

        def __setattr__(self, name: str, value: object) -> None:
            if isinstance(value, (list, tuple, dict)) and _hides(value):
                raise TypeError(
                    f"{name} hides parameters or modules where neither training nor saving would find them; "
                    "keep parameters as attributes of their own, and modules as such or in a plain list"
                )
            if not isinstance(value, Parameter) and isinstance(vars(self).get(name), Parameter):
                raise TypeError(
                    f"{name} is a parameter and can only be replaced by another, got {type(value).__name__}; "
                    f"change its values with {name}.assign(...)"
                )
            if isinstance(value, Parameter) and not value.name:
                value.name = name
            super().__setattr__(name, value)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and those inside it, each with its path (``""`` for this one)."""
        yield prefix, self
        dot = prefix + "." if prefix else ""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield from value.named_modules(dot + name)
            elif isinstance(value, (list, tuple)):
                for index, item in enumerate(value):
                    if isinstance(item, Module):
                        yield from item.named_modules(f"{dot}{name}.{index}")

    def _own(self) -> dict[str, Parameter]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Parameter)}

    def _all(self) -> dict[str, Parameter]:
        """Return every parameter by path; a shared one under each of its paths."""
        return {
            f"{path}.{name}" if path else name: parameter
            for path, module in self.named_modules()
            for name, parameter in module._own().items()
        }

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield each parameter once, with its path."""
        seen: set[int] = set()
        for name, parameter in self._all().items():
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def parameters(self) -> Iterator[Parameter]:
        """Yield each parameter once."""
        return (parameter for _, parameter in self.named_parameters())

    def train(self: _M, mode: bool = True) -> _M:
        """Go to training mode, in which dropout and zoneout draw masks; return self."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self: _M) -> _M:
        """Go to evaluation mode; return self."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget all gradients: each ``grad`` becomes ``None``."""
        with adding():
            for parameter in self.parameters():
                parameter.grad = None

    def state_dict(self, *, torch: bool = False) -> dict[str, Array]:
        """Return copies of all parameters by path.

        Args:
            torch: use PyTorch's names and parts, so that ``torch.nn.LSTM.load_state_dict`` takes them (as tensors).
        """
        state: dict[str, Array] = {}
        for path, module in self.named_modules():
            own = {name: parameter.numpy() for name, parameter in module._own().items()}
            own = module._to_torch(own) if torch else own
            state.update({f"{path}.{name}" if path else name: array for name, array in own.items()})
        return state

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> LoadResult:
        """Take on the values of a state dict, ours or PyTorch's; on an error nothing is changed.

        Args:
            state: arrays (or torch tensors) by path.
            strict: whether missing and unexpected names are errors.

        Returns:
            The names that were missing and unexpected; both empty when strict.
        """
        given = dict(state)
        for path, module in self.named_modules():
            dot = path + "." if path else ""
            below = [name.removeprefix(dot) for name in state if name.startswith(dot)]
            own = {name: given[dot + name] for name in below if "." not in name}
            for name in own:
                del given[dot + name]
            given.update({dot + name: value for name, value in module._from_torch(own).items()})
        wanted = self._all()
        # A parameter with several paths needs to be given under one of them.
        found = {id(parameter) for name, parameter in wanted.items() if name in given}
        missing = [name for name, parameter in wanted.items() if id(parameter) not in found]
        unexpected = [name for name in given if name not in wanted]
        problems = []
        if strict and missing:
            problems.append(f"missing: {', '.join(missing)}")
        if strict and unexpected:
            problems.append(f"unexpected: {', '.join(map(str, unexpected))}")
        arrays: dict[int, tuple[str, Parameter, Array]] = {}
        for name, parameter in wanted.items():
            if name in given:
                try:
                    array = as_f32(name, given[name], [("", extent) for extent in parameter.shape])
                except (TypeError, ValueError) as error:
                    problems.append(str(error))
                    continue
                first, _, before = arrays.setdefault(id(parameter), (name, parameter, array))
                if not np.array_equal(before, array, equal_nan=True):
                    problems.append(f"{first} and {name} are one parameter and have different values")
        if problems:
            raise ValueError("the state dict does not fit; nothing was loaded. " + "; ".join(problems))
        for _, parameter, array in arrays.values():
            parameter.assign(array)
        return LoadResult(missing, unexpected)

    def config(self) -> dict[str, Any]:
        """Return the class and the arguments that make a module like this one, as plain values.

        It works for the modules of this library and those made of them; ``rustlstm.save`` writes it into the file.

        >>> import rustlstm as rl
        >>> rl.nn.LSTM(3, 5, dropout=0.5).config()["arguments"]["dropout"]
        0.5
        """
        description: dict[str, Any] = describe(self)
        return description

    def counters(self) -> dict[str, int]:
        """Return, by path, the counts from which random layers draw: with the parameters, all that training changes."""
        return {
            f"{path}.{name}" if path else name: getattr(module, name)
            for path, module in self.named_modules()
            for name in module._counters
        }

    def load_counters(self, counters: Mapping[str, int]) -> None:
        """Take on what ``counters`` returned; on an error nothing is changed."""
        wanted = self.counters()
        if counters.keys() != wanted.keys():
            raise ValueError(f"counters must be those of {', '.join(wanted) or 'nothing'}, got {', '.join(counters)}")
        for name, count in counters.items():
            if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 2**63:
                raise ValueError(f"counter {name} must be a whole number from 0 on, got {count!r}")
        for path, module in self.named_modules():
            for name in module._counters:
                setattr(module, name, counters[f"{path}.{name}" if path else name])

    def _to_torch(self, own: dict[str, Array]) -> dict[str, Array]:
        """Return the module's own parameters under PyTorch's names. For layers to override."""
        return own

    def _from_torch(self, own: dict[str, Any]) -> dict[str, Any]:
        """Do the reverse of ``_to_torch``; names of ours pass through."""
        return own

    def summary(self, file: TextIO | None = None) -> None:
        """Print a table of the parameters: path, shape and number, and the total.

        Args:
            file: where to, standard output if left out.
        """
        rows = [(name, str(list(p.shape)), f"{p.size:,}") for name, p in self.named_parameters()]
        total = f"{sum(parameter.size for parameter in self.parameters()):,}"
        table = [("parameter", "shape", "numbers"), *rows, ("total", "", total)]
        first, second, third = (max(len(row[column]) for row in table) for column in range(3))
        lines = [f"{a:<{first}}  {b:<{second}}  {c:>{third}}" for a, b, c in table]
        rule = "-" * len(lines[0])
        print(repr(self), rule, lines[0], rule, *lines[1:-1], rule, lines[-1], sep="\n", file=file or sys.stdout)

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if isinstance(value, Module))
        return f"{type(self).__name__}({inner})"


def _hides(value: Any, depth: int = 0) -> bool:
    """Say whether a container has parameters, or modules deeper than in a list."""
    if isinstance(value, dict):
        return any(isinstance(item, (Parameter, Module)) or _hides(item, 1) for item in value.values())
    if not isinstance(value, (list, tuple)):
        return False
    return any(isinstance(item, Parameter) or (depth and isinstance(item, Module)) or _hides(item, 1) for item in value)
