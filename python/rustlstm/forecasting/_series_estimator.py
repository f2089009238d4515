"""What a ``Forecaster`` and an ``AnomalyDetector`` share: how they learn from series, and what they see of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._errors import NonFiniteError
from .._options import choice, count
from ..datasets import Scaler
from ..models._estimator import Estimator
from ..models._outputs import LOSSES, Output
from ..models._undo import or_as_before
from ..nn import Dropout, Linear, Module
from ..tensor import Array, Tensor, no_grad
from ..training import Callback
from ._coder import Coder
from ._network import Reader, SideBySide
from ._panel import F64, Index, Panel, as_panel, targets_of
from ._windows import LONG, Sample, Windows, streams

NORMALISATIONS = ("window", "standard", "none")
# How many windows go through the network at once when nothing is learned.
MANY = 512


class Remembered:
    """What ``fit`` leaves beside what all estimators have. No dataclass, so that these are no options."""

    options_: dict[str, Any]
    flat_: bool


@dataclass(kw_only=True, eq=False, repr=False)
class FromSeries(Remembered, Estimator):
    """An estimator that learns from series what comes next.

    Args:
        window: how many steps are read before an answer; where the normalisation is not ``"window"``, how many steps
            gradients go back, and the state is carried along the whole series.
        normalise: ``"window"`` sees each window from its last value and in units of its own deviation, so that what was
            learned at one level holds at every other; ``"standard"`` (mean 0, deviation 1 of what was trained on) where
            the level itself tells something, as for temperatures; ``"none"``.
        season: steps of a season, such as 24 or 168 of hourly values. The change against one season before is learned,
            and that value is seen. None for none.
        target: the column to predict, by number or name, or a list of them; None for all. The others are read only.
        loss: ``"mse"`` for means, ``"mae"`` for medians, ``"huber"`` between the two.
        lags: so many of the last values reach the answer directly beside the LSTM, by a linear map: where a linear
            model is hard to beat, begin with it.
        head_size: units of a hidden layer behind the LSTM, where the future covariates and the past must be weighed
            together; None for none.
        steps_per_epoch: batches of an epoch at most, other ones in each, so that many series stay affordable.
    """

    window: int = 24
    normalise: str = "window"
    season: int | None = None
    target: Any = None
    loss: str = "mse"
    lags: int = 0
    head_size: int | None = None
    steps_per_epoch: int | None = 100

    _learns: ClassVar[dict[str, Any]] = {**Estimator._learns, "inputs_": Coder, "options_": dict, "flat_": bool}
    # ``options_`` has these as they were in ``fit``: what a network answers means nothing without them, so they are its
    # own for good, whatever is set afterwards.
    _meaning: ClassVar[tuple[str, ...]] = ("window", "normalise", "season", "lags")
    # Further ones that answers follow from, but that a warm start may change.
    _answering: ClassVar[tuple[str, ...]] = ()

    # --- what each kind of estimator says

    def _ahead(self) -> int:
        """Return how many steps ahead the network answers for."""
        raise NotImplementedError

    def _readers(self) -> int:
        """Return how many networks share these, side by side."""
        return 1

    def _output(self) -> Output:
        return Output("point", self.loss, ())

    def _refuse(self, panel: Panel) -> None:
        """Fail if there is nothing to learn from such a panel."""

    def _learn_usual(self, panel: Panel, scaled: Panel, cuts: Index) -> None:
        """Learn what the trained network misses."""
        raise NotImplementedError

    # --- learning

    def _check_options(self) -> None:
        super()._check_options()
        count("window", self.window)
        choice("normalise", self.normalise, *NORMALISATIONS)
        choice("loss", self.loss, *LOSSES)
        count("lags", self.lags, 0)
        for name in ("season", "head_size", "steps_per_epoch"):
            if getattr(self, name) is not None:
                count(name, getattr(self, name))
        if (self.lstm or {}).get("bidirectional"):
            raise ValueError("lstm must not be bidirectional: what comes next is read forwards")

    def _fit(self, series: Any, past: Any, future: Any, static: Any, callbacks: Sequence[Callback]) -> None:
        """Learn, or leave the model as it was.

        What was interrupted, or met a number that is not finite, is a model of what it came to: all else is learned
        for it before the error goes on.
        """
        stopped: BaseException | None = None
        with or_as_before(self):
            self._check_options()
            names = self.inputs_.names if self._goes_on() else None
            panel = as_panel(series, past, future, static, names=names)
            self._refuse(panel)
            scaled, cuts, loss, train, other = self._prepared(panel)
            try:
                self._run(loss, train, other, callbacks)
            except (KeyboardInterrupt, NonFiniteError) as error:
                stopped = error
            self._learn_usual(panel, scaled, cuts)
        if stopped is not None:
            raise stopped

    def _prepared(self, panel: Panel) -> tuple[Panel, Index, Callable[..., Any], Any, Any]:
        """Learn all but the weights.

        Returns:
            the panel, scaled; the first row of each series that validates; the loss; what to train and to validate on.
        """
        goes_on = self._goes_on()
        if goes_on:
            self._refuse_other_options()
        self.options_ = {name: getattr(self, name) for name in (*self._meaning, *self._answering)}
        cuts = panel.begins + self._kept(panel)
        if not goes_on:
            self.inputs_ = self._coder(panel, cuts)
        coder: Coder = self.inputs_
        self._long_enough(panel, coder.needs + coder.horizon, f" to learn {self._wording()}")
        scaled = coder.scaled(panel)
        if goes_on:
            self._check_same(self._network(coder))
            # The old one stays as it is until this fit is at its end.
            self.network_ = copy.deepcopy(self.network_)
        else:
            self.flat_ = panel.flat or isinstance(self.target, (str, int, np.integer))
            self.network_ = self._network(coder)
        ends = panel.begins + panel.lengths
        held = bool((cuts < ends).any())
        train: Any
        other: Any = None
        if self._whole():
            window = self.options_["window"]
            rows = min(max(int(panel.lengths.sum()) // (4 * window), 1), self.batch_size)
            first, last = panel.begins + coder.needs, cuts - coder.horizon
            train = streams(coder, scaled, first, last, first, rows=rows, steps=window, seed=self.seed)
            if held:
                # Those without a held-out part have nothing that counts.
                counts, last = np.where(cuts < ends, cuts, ends), ends - coder.horizon
                other = streams(coder, scaled, first, last, counts, rows=None, steps=LONG, seed=self.seed)
            return scaled, cuts, self._stream_loss, train, other
        which, at = origins(panel, coder.needs, cuts - coder.horizon)
        size, most = self.batch_size, self.steps_per_epoch
        train = Windows(coder, scaled, which, at, batch_size=size, most=most, seed=self.seed)
        if held:
            which, at = self._validating(panel, cuts, MANY * 4, coder.horizon)
            other = Windows(coder, scaled, which, at, batch_size=MANY // 2, shuffle=False)
        return scaled, cuts, self._window_loss, train, other

    def _refuse_other_options(self) -> None:
        """Fail if options would have another model than the one that ``warm_start`` goes on with."""
        for name in self._meaning:
            before, now = self.options_[name], getattr(self, name)
            if before != now:
                raise ValueError(
                    f"warm_start goes on with {name}={before!r}, got {now!r}: give it back, or set warm_start=False"
                )

    def _kept(self, panel: Panel) -> Index:
        """Return how many steps of each series are trained on: all but the last part."""
        needs = self._needs() + self._ahead()
        held = np.maximum(np.round(panel.lengths * self.validation), self._ahead()).astype(np.int64)
        held[(panel.lengths - held < needs) | (self.validation == 0)] = 0
        kept: Index = panel.lengths - held
        return kept

    def _validating(self, panel: Panel, cuts: Index, most: int, horizon: int) -> tuple[Index, Index]:
        """Return series and rows of the origins whose answers lie in the parts that were not trained on."""
        ends = panel.begins + panel.lengths
        first = np.where(cuts < ends, cuts, ends)
        which, at = origins(panel, first - panel.begins, ends - horizon)
        every = -(-len(at) // most) or 1
        return which[::every], at[::every]

    def _needs(self) -> int:
        season: int = self.options_["season"] or 1
        lags: int = self.options_["lags"]
        return max(self._window() + season - 1, lags)

    def _window(self) -> int:
        """Return how many steps go through the network at once."""
        window: int = 1 if self._whole() else self.options_["window"]
        return window

    def _wording(self) -> str:
        return f"with {self._told()} and {_steps(self._ahead())} ahead"

    def _told(self) -> str:
        given = self.options_
        season = "" if given["season"] is None else f", season {given['season']}"
        lags = "" if not given["lags"] else f", lags {given['lags']}"
        return ("no window" if self._whole() else f"window {given['window']}") + season + lags

    def _long_enough(self, panel: Panel, least: int, wording: str) -> None:
        short = np.flatnonzero(panel.lengths < least)
        if len(short):
            at = int(short[0])
            raise ValueError(
                f"{panel.called(at)} has {_steps(int(panel.lengths[at]))}; at least {least} are needed{wording}"
            )

    def _whole(self) -> bool:
        """Say whether the network carries its state along the whole series."""
        return bool(self.options_["normalise"] != "window")

    def _coder(self, panel: Panel, cuts: Index) -> Coder:
        targets = targets_of(self.target, panel.own, panel.names["series"])
        trained = [panel.values[begin:cut] for begin, cut in zip(panel.begins.tolist(), cuts.tolist(), strict=True)]
        future = [panel.future[begin:cut] for begin, cut in zip(panel.begins.tolist(), cuts.tolist(), strict=True)]
        return Coder(
            self._window(),
            self._ahead(),
            self.options_["season"],
            self.options_["lags"],
            targets,
            Scaler(self.normalise).fit(trained) if self._whole() else None,
            Scaler().fit(future) if panel.future.shape[1] else None,
            Scaler().fit(panel.static) if panel.static.shape[1] else None,
            panel.values.shape[1],
            panel.names,
        )

    def _network(self, coder: Coder) -> Module:
        readers = [self._reader(coder, self.seed + 10 * at) for at in range(self._readers())]
        return readers[0] if len(readers) == 1 else SideBySide(readers)

    def _reader(self, coder: Coder, seed: int) -> Reader:
        x, z = coder.widths
        lstm = self._lstm_layer(x, seed)
        seen = lstm.output_size + z
        width = coder.horizon // self._readers() * len(coder.targets) * self._output().each
        inner = outer = None
        if self.head_size is not None:
            inner = Linear(seen, self.head_size, seed=seed + 2)
            outer = Linear(self.head_size, width, seed=seed + 3)
        dropout = Dropout(self.dropout, seed=seed + 4) if self.dropout else None
        return Reader(lstm, Linear(seen, width, seed=seed + 1), inner, outer, dropout)

    def _window_loss(self, network: Any, batch: Sample) -> Tensor:
        raw, _ = network(batch.x, batch.z)
        return self._output().loss(raw, batch.y)

    def _stream_loss(self, network: Any, batch: Any, state: Any) -> tuple[Tensor, Any]:
        x, z = self._parted(batch.x)
        raw, state = network(x, z, state, batch.lengths, last=False)
        y = np.ascontiguousarray(batch.y[..., :-1])
        # A mean over all steps of the batch, and not over those that count: these are as many in the mean of an epoch.
        options = {"lengths": batch.lengths, "weights": batch.y[..., -1], "reduction": "sum"}
        return self._output().loss(raw, y, **options) * (1.0 / (int(batch.lengths.sum()) * y.shape[-1])), state

    def _parted(self, both: Any) -> tuple[Any, Any]:
        x, z = self.inputs_.widths
        return np.ascontiguousarray(both[..., :x]), np.ascontiguousarray(both[..., x:]) if z else None

    # --- files

    def _restore(self, description: Mapping[str, Any], network: Module) -> None:
        super()._restore(description, network)
        try:
            self._look()
        except (ArithmeticError, AssertionError) as error:
            raise ValueError(f"what it has learned does not hold together: {error}") from error

    def _look(self) -> None:
        """Fail if what was learned, from a file, does not hold together."""
        names = {*self._meaning, *self._answering}
        if set(self.options_) != names:
            raise ValueError(f"options_ must have {', '.join(sorted(names))}, got {', '.join(map(str, self.options_))}")
        type(self)(**self.options_)._check_options()
        coder: Coder = self.inputs_
        coder.look()
        given = {"window": self._window(), "horizon": self._ahead()}
        given.update({name: self.options_[name] for name in ("season", "lags")})
        for name, wanted in given.items():
            if getattr(coder, name) != wanted:
                raise ValueError(f"{name} must be {wanted}, as in its options, got {getattr(coder, name)!r}")
        if (coder.scaler is not None) != self._whole():
            raise ValueError(f"normalise={self.options_['normalise']!r} does not fit what its values are scaled by")
        if self.flat_ and len(coder.targets) != 1:
            raise ValueError(f"one column must be predicted where series are [T], got {len(coder.targets)}")
        self._look_at_network()

    def _look_at_network(self) -> None:
        """Fail if the network reads or answers another number of values."""
        x, z = self.inputs_.widths
        width = self.inputs_.horizon // self._readers() * len(self.inputs_.targets) * self._output().each
        readers = self.network_.readers if isinstance(self.network_, SideBySide) else [self.network_]
        if len(readers) != self._readers() or not all(isinstance(each, Reader) for each in readers):
            raise ValueError(f"the network must have {self._readers()} readers")
        for each in readers:
            size = each.lstm.input_size, each.head.in_features, each.head.out_features
            wanted = x, each.lstm.output_size + z, width
            if size != wanted:
                raise ValueError(f"the network must have the widths {wanted}, got {size}")

    # --- answering

    def _panel(self, series: Any, past: Any, future: Any, static: Any) -> Panel:
        """Return a panel as fit has seen one, unscaled."""
        self._fitted()
        panel = as_panel(series, past, future, static, names=self.inputs_.names)
        self.inputs_.scaled(panel)
        return panel

    def _known_ahead(self, panel: Panel, at: Index, which: Index, steps: int) -> None:
        """Fail where the future covariates end before the last step that is asked for."""
        if not panel.future.shape[1]:
            return
        lacking = at + steps - (panel.begins + panel.rows)[which]
        if (lacking > 0).any():
            one = int(which[lacking.argmax()])
            needed = int(panel.rows[one] + lacking.max())
            raise ValueError(
                f"{panel.called(one, 'future')} has {_steps(int(panel.rows[one]))}; {needed} are needed: "
                f"as many as the series, and {steps} ahead"
            )

    def _answers(self, panel: Panel, which: Index, at: Index) -> tuple[F64, F64, F64]:
        """Return the network's answers at some places of a scaled panel: [N, h, K, E], with base and unit."""
        coder: Coder = self.inputs_
        codes, found = [], []
        for begin in range(0, len(at), MANY):
            coded = coder.encode(panel, which[begin : begin + MANY], at[begin : begin + MANY])
            if not self._whole():
                found.append(self._said(coded.x, coded.z)[0])
            codes.append((coded.base, coded.unit))
        if self._whole():
            found = [np.zeros((len(at), coder.horizon * len(coder.targets) * self._output().each), np.float32)]
            for series in np.unique(which).tolist():
                asked = np.flatnonzero(which == series)
                for place, answers, _ in self._along(panel, series, at[asked]):
                    found[0][asked[place]] = answers
        raw = np.concatenate(found).astype(np.float64)
        base, unit = (np.concatenate(parts) for parts in zip(*codes, strict=True))
        return raw.reshape(*base.shape, self._output().each), base, unit

    def _said(self, x: Array, z: Array | None, state: Any = None, last: bool = True) -> tuple[Array, Any]:
        """Return what the network answers, and its state."""
        self.network_.eval()
        with no_grad():
            raw, state = self.network_(x, z, state, last=last)
        return np.asarray(raw), state

    def _along(self, panel: Panel, series: int, at: Index, states: bool = False) -> Iterator[tuple[Index, Any, Any]]:
        """Carry the state along a series; yield places in ``at``, the answers there, and the state if it is asked for.

        The state begins where the series does, so what comes out is the same wherever else is asked.
        """
        coder: Coder = self.inputs_
        begin = int(panel.begins[series]) + coder.needs
        order = np.argsort(at, kind="stable")
        ends = (np.unique(at) if states else np.arange(begin + LONG - 1, int(at.max()) + LONG, LONG)).tolist()
        state = None
        for end in ends:
            rows = np.arange(begin, min(end, int(at.max())) + 1)
            begin = end + 1
            coded = coder.encode(panel, np.full(len(rows), series), rows)
            z = None if coded.z is None else coded.z[None]
            raw, state = self._said(coded.x[None, :, 0], z, state, last=False)
            there = order[np.searchsorted(at[order], rows[0]) : np.searchsorted(at[order], rows[-1], side="right")]
            yield there, raw[0, at[there] - rows[0]], state


def origins(panel: Panel, needs: Any, last: Index) -> tuple[Index, Index]:
    """Return series and rows of all places from ``needs`` steps on to the last rows."""
    first = panel.begins + needs
    counts = np.maximum(last - first + 1, 0)
    which = np.repeat(np.arange(len(panel)), counts)
    at = np.arange(counts.sum()) + np.repeat(first - (np.cumsum(counts) - counts), counts)
    return which, at


def _steps(number: int) -> str:
    return "1 step" if number == 1 else f"{number} steps"
