"""Schedules of the learning rate: each is a function of how often ``step`` was called, and of the rate at the start.

A schedule sets the rates of its optimizer when it is made and after each ``step``; whether that is called once a
training step or once an epoch is up to the caller. The rates at the start are kept in the optimizer's groups as
``initial_lr``.

Only sums, products and roots are used, so that the rates have the same bits on every machine, and a schedule that takes
on a ``state_dict`` goes on with the bits of the one that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .._core import scalar_power as power
from .._options import choice, count, flag, not_negative, number, positive, share
from .._saved import part, rows
from ._optimizer import Check, Optimizer

_PI = 3.141592653589793


def _from_zero(name: str, value: Any) -> int:
    return count(name, value, 0)


class Schedule:
    """What all schedules share.

    Args:
        optimizer: the optimizer whose rates it sets.

    ``needs_loss`` says whether ``step`` must be given a loss.
    """

    needs_loss: ClassVar[bool] = False
    # What ``state_dict`` holds beside the kind, and the checks of it.
    _kept: ClassVar[Mapping[str, Check]] = {"count": _from_zero}

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be one of rustlstm.optim, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.count = 0
        self._apply()

    def rate(self, base: float) -> float:
        """Return the present rate of a group that started at ``base``."""
        raise NotImplementedError

    def step(self, loss: float | None = None) -> None:
        """Go on by one.

        Args:
            loss: for those that follow one, such as ``Plateau``; others do not look at it.
        """
        self.count += 1
        self._apply()

    def observe(self, loss: float) -> None:
        """Go on by one if that takes a loss; for loops that call ``step`` for each batch, and know a loss more rarely.

        Args:
            loss: usually that of the validation.
        """
        if self.needs_loss:
            self.step(loss)

    def _apply(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(group.setdefault("initial_lr", group["lr"]))
            self._apply_momentum(group)

    def _apply_momentum(self, group: dict[str, Any]) -> None:
        """Set what else the schedule changes."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that the schedule needs to go on, as a plain dictionary."""
        return {"schedule": type(self).__name__, **{name: getattr(self, name) for name in self._kept}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take on what ``state_dict`` returned, and set the rates; load the optimizer's state before."""
        self._take(state)
        self._apply()

    def _take(self, state: Mapping[str, Any]) -> None:
        if part(state, "schedule") != type(self).__name__:
            raise ValueError(f"this is not the state of {type(self).__name__} but of {state['schedule']!r}")
        values = {name: check(name, part(state, name)) for name, check in self._kept.items()}
        for name, value in values.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(count={self.count}, lr={self.optimizer.lr:g})"


class Step(Schedule):
    """Multiplies the rate by ``gamma`` every ``step_size`` steps.

    Args:
        optimizer: the optimizer whose rates it sets.
        step_size: how many steps lie between.
        gamma: the factor.

    >>> import rustlstm as rl
    >>> optimizer = rl.optim.SGD(rl.nn.LSTM(3, 4), lr=1.0)
    >>> schedule = rl.optim.schedules.Step(optimizer, 2, gamma=0.5)
    >>> for _ in range(4):
    ...     schedule.step()
    >>> optimizer.lr
    0.25
    """

    def __init__(self, optimizer: Optimizer, step_size: int, *, gamma: float = 0.1) -> None:
        self.step_size = count("step_size", step_size)
        self.gamma = not_negative("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float) -> float:
        """Return the present rate of a group that started at ``base``."""
        return base * power(self.gamma, self.count // self.step_size)


class Exponential(Schedule):
    """Multiplies the rate by ``gamma`` at each step.

    Args:
        optimizer: the optimizer whose rates it sets.
        gamma: the factor.
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = not_negative("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float) -> float:
        """Return the present rate of a group that started at ``base``."""
        return base * power(self.gamma, self.count)


class Cosine(Schedule):
    """Lets the rate fall to ``min_lr`` along half a cosine, and stay there.

    Args:
        optimizer: the optimizer whose rates it sets.
        steps: how many steps that takes.
        min_lr: where it ends.
    """

    def __init__(self, optimizer: Optimizer, steps: int, *, min_lr: float = 0.0) -> None:
        self.steps = count("steps", steps)
        self.min_lr = not_negative("min_lr", min_lr)
        super().__init__(optimizer)

    def rate(self, base: float) -> float:
        """Return the present rate of a group that started at ``base``."""
        return _along_cosine(base, self.min_lr, min(self.count / self.steps, 1.0))


class WarmUp(Schedule):
    """Lets the rate rise along a line from ``start`` of it to all of it, and stay there. Made for ``Chain``.

    Args:
        optimizer: the optimizer whose rates it sets.
        steps: how many steps that takes.
        start: the part of the rate to begin with.
    """

    def __init__(self, optimizer: Optimizer, steps: int, *, start: float = 0.01) -> None:
        self.steps = count("steps", steps)
        self.start = share("start", start)
        super().__init__(optimizer)

    def rate(self, base: float) -> float:
        """Return the present rate of a group that started at ``base``."""
        return base * _along_line(self.start, 1.0, min(self.count / self.steps, 1.0))


class OneCycle(Schedule):
    """Lets the rate rise to ``max_lr`` and fall far below where it began, and the momentum do the reverse.

    Args:
        optimizer: the optimizer whose rates it sets; of its momentum or first beta too.
        max_lr: the highest rate, of all groups.
        steps: how many steps the whole takes; after them the rate stays where it ended.
        rise: the part of them in which the rate rises.
        shape: ``"cos"`` or ``"linear"``.
        cycle_momentum: whether momentum changes; the optimizer must have some.
        base_momentum: the lowest momentum, where the rate is highest.
        max_momentum: the highest momentum.
        div_factor: the rate begins at ``max_lr / div_factor``
        final_div_factor: and ends at its begin divided by this.
        three_phase: whether the rate falls back to its begin first, as fast as it rose, and then on.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        steps: int,
        *,
        rise: float = 0.3,
        shape: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        self.max_lr = not_negative("max_lr", max_lr)
        self.steps = count("steps", steps)
        self.rise = share("rise", rise)
        self.shape = choice("shape", shape, "cos", "linear")
        self.cycle_momentum = flag("cycle_momentum", cycle_momentum)
        self.base_momentum = share("base_momentum", base_momentum)
        self.max_momentum = share("max_momentum", max_momentum)
        self.div_factor = positive("div_factor", div_factor)
        self.final_div_factor = positive("final_div_factor", final_div_factor)
        self.three_phase = flag("three_phase", three_phase)
        if self.cycle_momentum and any("betas" not in g and "momentum" not in g for g in optimizer.param_groups):
            raise ValueError(
                f"{type(optimizer).__name__} has no momentum to cycle; say cycle_momentum=False, or take another"
            )
        super().__init__(optimizer)

    def rate(self, base: float) -> float:
        """Return the present rate; that of the start counts for nothing."""
        initial = self.max_lr / self.div_factor
        return self._now(initial, self.max_lr, initial / self.final_div_factor)

    def _apply_momentum(self, group: dict[str, Any]) -> None:
        if self.cycle_momentum:
            momentum = self._now(self.max_momentum, self.base_momentum, self.max_momentum)
            if "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            else:
                group["momentum"] = momentum

    def _now(self, initial: float, peak: float, final: float) -> float:
        """Return the present value of what goes from ``initial`` to ``peak`` to ``final``."""
        top, end = self.rise * self.steps - 1, self.steps - 1
        at = min(self.count, end)
        phases = [(top, initial, peak), (end, peak, final)]
        if self.three_phase:
            phases = [(top, initial, peak), (2 * top, peak, initial), (end, initial, final)]
        begin = 0.0
        for last, low, high in phases:
            if at <= last or last == end:
                part = (at - begin) / (last - begin) if last > begin else 1.0
                return (_along_cosine if self.shape == "cos" else _along_line)(low, high, part)
            begin = last
        raise AssertionError("the last phase takes what is left")


class Plateau(Schedule):
    """Multiplies the rate by ``factor`` when the loss has not got better for more than ``patience`` steps.

    Args:
        optimizer: the optimizer whose rates it sets.
        factor: by which the rate falls.
        patience: how many steps in a row may bring nothing.
        threshold: by what part of the best loss a better one must be below it.
        cooldown: how many steps after a fall do not count.
        min_lr: below which the rate does not fall.
        mode: ``"min"``, or ``"max"`` for a score that shall rise.
    """

    needs_loss = True
    _kept: ClassVar[Mapping[str, Check]] = {
        **dict.fromkeys(("count", "falls", "waited", "cooling"), _from_zero),
        "best": lambda name, best: None if best is None else number(name, best),
    }

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        mode: str = "min",
    ) -> None:
        self.factor = share("factor", factor)
        self.patience = count("patience", patience, 0)
        self.threshold = not_negative("threshold", threshold)
        self.cooldown = count("cooldown", cooldown, 0)
        self.min_lr = not_negative("min_lr", min_lr)
        self.mode = choice("mode", mode, "min", "max")
        self.falls = 0
        self.best: float | None = None
        self.waited = 0
        self.cooling = 0
        super().__init__(optimizer)

    def rate(self, base: float) -> float:
        """Return the present rate of a group that started at ``base``."""
        return max(base * power(self.factor, self.falls), min(base, self.min_lr))

    def step(self, loss: float | None = None) -> None:
        """Look at a loss, and go on by one.

        Args:
            loss: usually that of the validation; NaN is no better than anything.
        """
        if loss is None:
            raise TypeError("Plateau.step needs the loss: schedule.step(loss)")
        self._look(float(loss))
        super().step()

    def _look(self, loss: float) -> None:
        better = loss == loss if self.best is None else self._is_better(loss, self.best)
        if better:
            self.best = loss
        self.waited = 0 if better else self.waited + 1
        if self.cooling > 0:
            self.cooling -= 1
            self.waited = 0
        if self.waited > self.patience:
            self.falls += 1
            self.cooling, self.waited = self.cooldown, 0

    def _is_better(self, loss: float, best: float) -> bool:
        if self.mode == "min":
            return loss < best * (1.0 - self.threshold)
        return loss > best * (1.0 + self.threshold)


class Chain(Schedule):
    """Several schedules at once: each starts from the rate that those before it give.

    Args:
        schedules: of one optimizer, such as a ``WarmUp`` and then a ``Cosine``.

    ``step`` is that of the chain alone. Without a loss, schedules that need one stay where they are; ``observe`` lets
    these go on, and no others.

    >>> import rustlstm as rl
    >>> from rustlstm.optim.schedules import Chain, Exponential, WarmUp
    >>> optimizer = rl.optim.SGD(rl.nn.LSTM(3, 4), lr=1.0)
    >>> schedule = Chain(WarmUp(optimizer, 2, start=0.5), Exponential(optimizer, 0.5))
    >>> rates = [optimizer.lr]
    >>> for _ in range(3):
    ...     schedule.step()
    ...     rates.append(optimizer.lr)
    >>> rates
    [0.5, 0.375, 0.25, 0.125]
    """

    def __init__(self, *schedules: Schedule) -> None:
        if not schedules:
            raise ValueError("a chain needs schedules")
        for index, schedule in enumerate(schedules):
            if not isinstance(schedule, Schedule):
                raise TypeError(f"schedules[{index}] must be a schedule, got {type(schedule).__name__}")
            if schedule.optimizer is not schedules[0].optimizer:
                raise ValueError(f"schedules[{index}] is of another optimizer than schedules[0]")
        self.schedules = schedules
        super().__init__(schedules[0].optimizer)

    def rate(self, base: float) -> float:
        """Return the present rate of a group that started at ``base``."""
        for schedule in self.schedules:
            base = schedule.rate(base)
        return base

    def _apply_momentum(self, group: dict[str, Any]) -> None:
        for schedule in self.schedules:
            schedule._apply_momentum(group)

    def step(self, loss: float | None = None) -> None:
        """Go on by one."""
        for schedule in self.schedules:
            if loss is not None or not schedule.needs_loss:
                schedule.step(loss)
        super().step()

    def observe(self, loss: float) -> None:
        """Let those go on that need a loss."""
        for schedule in self.schedules:
            schedule.observe(loss)
        self._apply()

    def state_dict(self) -> dict[str, Any]:
        """Return all that the schedules need to go on, as a plain dictionary."""
        return {**super().state_dict(), "schedules": [schedule.state_dict() for schedule in self.schedules]}

    def _take(self, state: Mapping[str, Any]) -> None:
        super()._take(state)
        inner = rows(state, "schedules")
        if len(inner) != len(self.schedules):
            raise ValueError(f"the state is of {len(inner)} schedules in a chain, this one has {len(self.schedules)}")
        for schedule, own in zip(self.schedules, inner, strict=True):
            schedule._take(own)

    def __repr__(self) -> str:
        return f"Chain({', '.join(map(repr, self.schedules))})"


def _along_line(start: float, end: float, part: float) -> float:
    return start + (end - start) * part


def _along_cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2.0 * (1.0 + _cos_pi(part))


def _cos_pi(x: float) -> float:
    """Return cos(π x) for x in [0, 1], within 3e-16: the platform's cosine differs from machine to machine."""
    # cos(π x) = sin(y), y = π (1/2 - x) in [-π/2, π/2]: y - y³/3! + y⁵/5! - …, of which 12 terms leave 1e-18.
    y = _PI * (0.5 - x)
    total = 1.0
    for n in range(22, 0, -2):
        total = 1.0 - y * y / (n * (n + 1)) * total
    return y * total
