"""Backtests of functions and of baselines, beside those of forecasters."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from forecaster_cases import WAVE, small
from rustlstm.forecasting import backtest

pytestmark = pytest.mark.once


# --- functions and baselines to compare with


def test_a_function_cannot_change_what_comes() -> None:
    series = np.arange(1.0, 9.0)
    held: list[Any] = []

    def spoils(history: Any, horizon: int) -> Any:
        with pytest.raises(ValueError, match="read-only"):
            history[:] = 0
        assert len(history.base if history.base is not None else history) == len(history)
        held.append(history)
        return np.repeat(history[-1], horizon)

    tested = backtest(spoils, series, horizon=2, start=3)
    np.testing.assert_array_equal(tested.forecasts[:, 0], [3, 4, 5, 6])
    np.testing.assert_array_equal(held[0], [1, 2, 3])


def test_baselines_are_backtested_as_forecasters_are() -> None:
    naive = backtest(lambda history, horizon: np.repeat(history[-1], horizon), WAVE, horizon=3, start=100, stride=7)
    last = backtest(rl.baselines.LastValue(), WAVE, horizon=3, start=100, stride=7)
    np.testing.assert_array_equal(last.forecasts, naive.forecasts)
    np.testing.assert_array_equal(last.origins, naive.origins)
    assert last.metrics == naive.metrics
    season = backtest(rl.baselines.SeasonalNaive(12), WAVE, horizon=15, start=100)
    np.testing.assert_array_equal(season.forecasts[0], np.tile(WAVE[88:100], 2)[:15])
    linear = rl.baselines.LinearAutoregression(lags=12)
    ours = small(horizon=3, epochs=1).fit(WAVE[:100]).backtest(WAVE, start=100, stride=7)
    tested = backtest(linear, WAVE, horizon=3, start=100, stride=7)
    np.testing.assert_array_equal(tested.actuals, ours.actuals)
    assert tested.metrics["rmse"] < 0.2 * naive.metrics["rmse"]
    assert "coef_" not in vars(linear)
    # It learns from what comes before start, and each forecast from what comes before its origin.
    changed = WAVE.copy()
    changed[107:] += 50
    other = backtest(linear, changed, horizon=3, start=100, stride=7)
    np.testing.assert_array_equal(other.forecasts[:2], tested.forecasts[:2])
    assert np.abs(other.forecasts[2] - tested.forecasts[2]).max() > 1
    by_hand = rl.baselines.LinearAutoregression().fit(
        np.stack([WAVE[at - 12 : at] for at in range(12, 98)]), np.stack([WAVE[at : at + 3] for at in range(12, 98)])
    )
    np.testing.assert_allclose(tested.forecasts[0], by_hand.predict([WAVE[88:100]])[0])
    by_lags = backtest(rl.baselines.LinearAutoregression(), WAVE, horizon=3, start=100, stride=7, lags=12)
    np.testing.assert_allclose(by_lags.forecasts, tested.forecasts)
    whole = backtest(rl.baselines.LinearAutoregression(), WAVE, horizon=3, start=100, stride=7)
    assert whole.metrics["rmse"] < 0.5 * naive.metrics["rmse"]
    # Several columns and series.
    both = np.stack([WAVE, 2 * np.roll(WAVE, 5)], 1)
    panel = backtest(rl.baselines.Drift(), [both, both[:150]], horizon=2, start=100, stride=20)
    assert panel.forecasts.shape == (len(panel), 2, 2)
    slope = (both[99] - both[0]) / 99
    for row in np.flatnonzero(panel.origins == 100):
        np.testing.assert_allclose(panel.forecasts[row], both[99] + np.outer([1, 2], slope))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 2}, "start must be given where the model is a baseline"),
        ({"start": 50}, "horizon must be given where the model is a baseline"),
        ({"start": 5, "horizon": 2, "lags": 4}, "start must be at least 6"),
        ({"start": 5, "horizon": 2, "lags": 0}, "lags must be at least 1"),
        ({"start": 50, "horizon": 2, "past": WAVE}, "a baseline takes no past"),
    ],
)
def test_what_a_backtest_of_a_baseline_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        backtest(rl.baselines.LastValue(), WAVE, **options)
    with pytest.raises(TypeError, match="lags are for a baseline"):
        backtest(lambda history, horizon: history[-1:], WAVE, horizon=1, lags=3)
    with pytest.raises(TypeError, match="got the class LastValue"):
        backtest(rl.baselines.LastValue, WAVE, horizon=1, start=9)


def test_files_whose_scalers_have_other_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = small(normalise="standard", epochs=1).fit(WAVE, future=WAVE)
    both = rl.datasets.Scaler().fit(np.ones((4, 2)))
    for name, scaler in (("scaler", both), ("future", both), ("scaler", None), ("scaler", rl.datasets.Scaler())):
        changed = copy.deepcopy(model)
        setattr(changed.inputs_, name, scaler)
        changed.save(path)
        with pytest.raises(rl.checkpoint.DamagedFileError, match="cannot be made"):
            rl.load(path)
