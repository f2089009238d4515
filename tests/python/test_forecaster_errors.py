"""What forecasters refuse: wrong series, covariates, calls and files, in sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from forecaster_cases import STEPS, WAVE, Frame, small
from rustlstm.forecasting import backtest
from rustlstm.models._estimator import NotFittedError

pytestmark = pytest.mark.once


# --- what is refused, in sentences


@pytest.mark.parametrize(
    ("options", "series", "message"),
    [
        ({"horizon": 0}, WAVE, "horizon must be at least 1, got 0"),
        ({"window": 0}, WAVE, "window must be at least 1, got 0"),
        ({"season": 0}, WAVE, "season must be at least 1, got 0"),
        ({"strategy": "magic"}, WAVE, "strategy must be 'recursive' or"),
        ({"normalise": "minmax"}, WAVE, "normalise must be 'window' or"),
        ({"output": "item"}, WAVE, "output must be 'point' or"),
        ({"quantiles": (0.9, 0.1)}, WAVE, "quantiles must be rising"),
        ({"lstm": {"bidirectional": True}}, WAVE, "must not be bidirectional"),
        ({"target": 1}, WAVE, "target must be a column from 0 to 0, got 1"),
        ({"target": "load"}, WAVE, "target 'load' is no column .* have no names"),
        ({"target": "load"}, Frame(a=WAVE), "its columns are a"),
        ({"target": []}, WAVE, "at least one column"),
        ({"target": 1.5}, WAVE, "target must be a column's name or number"),
        ({}, [], "series is empty"),
        ({}, np.zeros((0, 2)), "series is empty, of shape"),
        ({}, np.zeros((2, 3, 4)), r"series must have shape \[T\] or \[T, C\], got \[2, 3, 4\]"),
        ({}, ["a", "b"], "series must hold numbers"),
        ({}, np.where(STEPS == 7, np.nan, WAVE), "series has nan at step 7, column 0; fill gaps first"),
        ({}, [WAVE, np.where(STEPS == 7, np.inf, WAVE)], r"series\[1\] has inf at step 7"),
        ({}, [WAVE, np.zeros((50, 2))], r"series\[1\] must have 1 columns, as series\[0\] has, got 2"),
        ({}, WAVE[:10], "series has 10 steps; at least 13 are needed to learn with window 12 and 1 step ahead"),
        ({"season": 12, "horizon": 4}, [WAVE, WAVE[:20]], r"series\[1\] has 20 steps; at least 27 are needed"),
        ({"normalise": "none", "lags": 9}, WAVE[:9], "series has 9 steps; at least 10 .* no window, lags 9"),
        ({"strategy": "recursive", "target": 0}, np.stack([WAVE, WAVE], 1), "must predict every column"),
    ],
)
def test_what_fit_refuses(options: dict[str, Any], series: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        small(**options).fit(series)


@pytest.mark.parametrize(
    ("covariates", "message"),
    [
        ({"past": WAVE[:100]}, "past must have 240 steps, as the series has, got 100"),
        ({"future": WAVE[:100]}, "future must have at least the 240 steps of the series"),
        ({"future": np.full(240, np.nan)}, "future has nan at step 0"),
        ({"static": [[1.0], [2.0]]}, r"static must be \[S\]"),
    ],
)
def test_covariates_that_do_not_fit(covariates: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small().fit(WAVE, **covariates)
    with pytest.raises(ValueError, match="must be a list of 2"):
        small().fit([WAVE, WAVE], past=[WAVE])


def test_what_predict_refuses() -> None:
    with pytest.raises(NotFittedError, match="not fitted"):
        small().predict()
    model = small(horizon=3).fit(WAVE[:100])
    refused: list[tuple[Any, str]] = [
        (lambda: model.predict(0), "horizon must be at least 1, got 0"),
        (lambda: model.predict(4), "horizon must be at most 3, which strategy='joint' was fitted for, got 4"),
        (lambda: model.predict(series=WAVE[:5]), "series has 5 steps; at least 12 are needed with window 12"),
        (lambda: model.predict(series=np.zeros((50, 2))), "must have 1 columns together, as in fit, got 2"),
        (lambda: model.predict(series=WAVE, future=WAVE), "future must have 0 columns, as in fit, got 1"),
        (lambda: model.predict(future=WAVE[:3]), "future was not there in fit"),
        (lambda: model.predict(past=WAVE), "past and static belong to a series"),
        (lambda: model.predict_interval(coverage=1.0), "coverage must be between 0 and 1, got 1.0"),
        (lambda: model.predict_interval(coverage=0.99), "coverage 0.99 needs at least 99 held-out forecasts"),
        (lambda: model.predict_quantiles(levels=[0.5, 0.1]), "levels must be rising"),
        (lambda: model.backtest(WAVE, start=3), "start must be at least 12, the steps that the model needs, got 3"),
        (lambda: model.backtest(WAVE[:14]), "series has 14 steps; at least 15 are needed: 12 known"),
        (lambda: model.backtest(WAVE, stride=0), "stride must be at least 1"),
        (lambda: small(validation=0).fit(WAVE).predict_interval(), "need a held-out part"),
        (lambda: small(strategy="recursive").fit(WAVE).predict_interval(5), "intervals are known for 1 steps"),
        (lambda: small(output="quantile").fit(WAVE).predict_interval(coverage=0.99), "within those of fit"),
        (lambda: backtest(3, WAVE, horizon=1), "model must be a Forecaster or a function"),
        (lambda: backtest(lambda history, horizon: [0.0], WAVE, horizon=2, start=3), r"must return forecasts \[2\]"),
    ]
    for call, message in refused:
        with pytest.raises((ValueError, TypeError), match=message):
            call()
    calendar = small(horizon=3).fit(WAVE[:100], future=WAVE[:100])
    with pytest.raises(ValueError, match="future has 100 steps; 103 are needed: as many as the series, and 3 ahead"):
        calendar.predict(series=WAVE[:100], future=WAVE[:100])
    with pytest.raises(ValueError, match="future must have 1 columns, as in fit, got none"):
        calendar.predict(series=WAVE[:100])


# --- files that were changed


def rewritten(path: Path, change: Any) -> None:
    """Change what a file says that the estimator has learned."""
    import rustlstm.models._files as files

    model = rl.load(path)
    description = model._description()
    change(description["learned"])

    class Other:
        network_ = model.network_

        def _description(self) -> dict[str, Any]:
            return description

    files.save(Other(), path)  # type: ignore[arg-type]


CODER = ("window", "horizon", "season", "lags", "targets", "columns", "scaler", "future", "static", "names")


def inside(part: str, **values: Any) -> Any:
    def change(learned: dict[str, Any]) -> None:
        if part == "inputs_":
            held = dict(learned[part]["of"]["of"])
            learned[part]["of"]["of"] = [[key, value] for key, value in {**held, **values}.items()]
        else:
            held = dict(learned[part]["of"])
            learned[part]["of"] = [[key, value] for key, value in {**held, **values}.items()]

    return change


@pytest.mark.parametrize(
    "change",
    [
        *[lambda learned, name=name: learned.pop(name) for name in ("inputs_", "last_", "residuals_", "options_")],
        *[lambda learned, name=name: learned.pop(name) for name in ("flat_", "history_")],
        *[inside("inputs_", window=window) for window in (0, -1, 6, 10**12, "12", None, 1.5)],
        *[inside("inputs_", **{name: 7}) for name in CODER],
        *[inside("options_", **{name: 7}) for name in ("window", "normalise", "season", "lags", "horizon", "strategy")],
        inside("options_", window=10**12),
        inside("options_", window=10**6, further=1),
        inside("last_", series=[np.zeros((5, 1))]),
        inside("last_", series=[np.zeros((50, 3))]),
        inside("last_", series=[np.full((50, 1), np.nan)]),
        inside("last_", series=[]),
        lambda learned: learned.update(last_=3),
        lambda learned: learned.update(last_={"is": "dict", "of": []}),
        lambda learned: learned.update(residuals_=np.zeros((4, 2, 1))),
    ],
)
def test_files_that_do_not_hold_together_are_refused(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    small(horizon=3, epochs=1).fit(WAVE).save(path)
    rewritten(path, lambda learned: None)
    assert rl.load(path).predict().shape == (3,)
    rewritten(path, change)
    with pytest.raises(rl.checkpoint.DamagedFileError, match="cannot be made"):
        rl.load(path)
