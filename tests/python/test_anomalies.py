"""Anomaly detectors: what they find, that a stream says the same, and where the threshold lies."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm.models._estimator import NotFittedError

pytestmark = pytest.mark.once

STEPS = np.arange(400)
WAVE = np.sin(STEPS * 0.3) + 0.05 * np.random.default_rng(0).standard_normal(400)
FUTURE = np.cos(STEPS)
SMALL: dict[str, Any] = {"hidden_size": 6, "window": 12, "epochs": 8, "learning_rate": 0.01}


def small(**options: Any) -> rl.AnomalyDetector:
    return rl.AnomalyDetector(**{**SMALL, **options})


def broken(at: int = 350, by: float = 1.5) -> Any:
    series = WAVE.copy()
    series[at] += by
    return series


@pytest.mark.parametrize("normalise", ["window", "standard"])
def test_it_finds_a_spike_and_a_missing_beat(normalise: str) -> None:
    detector = small(normalise=normalise, merge=12, epochs=30, rate=1e-4).fit(WAVE[:300])
    assert detector.alarms(WAVE).shape == (0, 2)
    for series in (broken(), np.where((STEPS >= 350) & (STEPS < 362), 0.0, WAVE)):
        found = detector.alarms(series)
        assert len(found) == 1
        assert 350 <= found[0, 0] <= 355
    # It is the forecast that tells: the missing beat is within what the series always has been.
    assert np.abs(WAVE[350:362]).max() > 0.5


def test_scores_are_of_each_step_and_know_nothing_of_the_next() -> None:
    for ahead in (1, 3):
        detector = small(ahead=ahead, season=5, smoothing=2).fit(WAVE[:300])
        scores = detector.score_samples(WAVE)
        first = detector.inputs_.needs + ahead - 1
        assert scores.shape == (400,)
        assert np.isnan(scores[:first]).all()
        assert np.isfinite(scores[first:]).all()
        changed = WAVE.copy()
        changed[350:] += 30.0
        np.testing.assert_array_equal(detector.score_samples(changed)[:350], scores[:350])
        assert detector.score_samples(changed)[350] > scores[350] + 5
        np.testing.assert_array_equal(detector.predict(WAVE), scores > detector.threshold_)


@pytest.mark.parametrize("normalise", ["window", "standard", "none"])
@pytest.mark.parametrize("ahead", [1, 3])
@pytest.mark.parametrize("season", [None, 7])
def test_a_stream_says_the_same(normalise: str, ahead: int, season: int | None) -> None:
    options: dict[str, Any] = {"normalise": normalise, "ahead": ahead, "season": season, "lags": 2, "num_layers": 2}
    detector = small(**options, smoothing=3).fit(WAVE[:200], future=FUTURE[:200], static=[1.0])
    series = broken(120, by=9.0)[:160]
    stream = detector.stream(static=[1.0])
    scores = [stream.update(value, future=known) for value, known in zip(series, FUTURE, strict=False)]
    np.testing.assert_array_equal(scores, detector.score_samples(series, future=FUTURE[:160], static=[1.0]))
    assert stream.is_anomaly(scores[120])
    other = detector.stream(static=[1.0])
    assert np.isnan(other.update(0.0, future=0.0))


def test_several_columns_and_series() -> None:
    both = np.stack([WAVE, np.roll(WAVE, 5)], axis=1)
    detector = small().fit([both[:200], both[200:300]])
    series = both.copy()
    series[350, 1] += 2.0
    assert detector.usual_.shape == (2, 2)
    one, two = detector.score_samples([series, both[:50]])
    assert one.shape == (400,)
    assert two.shape == (50,)
    assert one[350] > 3 * np.nanmax(two)
    stream = detector.stream()
    np.testing.assert_array_equal([stream.update(row) for row in series], one)
    assert [len(each) for each in detector.alarms([series, both[:20]])][1] <= 1
    # Columns that are read, but not scored.
    beside = small().fit(WAVE[:300], past=both[:300, 1])
    assert beside.score_samples(WAVE, past=both[:, 1]).shape == (400,)
    read = beside.stream()
    np.testing.assert_array_equal(
        [read.update(value, past=other) for value, other in both], beside.score_samples(WAVE, past=both[:, 1])
    )


def test_the_threshold_is_a_quantile_or_follows_from_a_rate() -> None:
    detector = small(quantile=0.95, validation=0).fit(WAVE)
    assert detector.threshold_ == np.quantile(detector.scores_, 0.95)
    assert np.mean(detector.predict(WAVE)[12:]) == pytest.approx(0.05, abs=0.005)
    thresholds = [small(rate=rate, validation=0).fit(WAVE).threshold_ for rate in (0.2, 0.01, 1e-6)]
    assert thresholds[0] == pytest.approx(np.quantile(detector.scores_, 0.8))
    assert thresholds[1] == pytest.approx(np.quantile(detector.scores_, 0.99), rel=0.25)
    assert thresholds[2] > detector.scores_[-1]


def test_the_usual_is_that_of_the_held_out_part() -> None:
    louder = WAVE.copy()
    louder[300:] += 0.5 * np.random.default_rng(1).standard_normal(100)
    detector, all_of_it = (small(validation=share).fit(louder) for share in (0.25, 0))
    assert len(detector.scores_) == 100
    assert len(all_of_it.scores_) == 400 - 12
    assert detector.usual_[1] > 2 * all_of_it.usual_[1]


def test_scores_are_in_units_of_what_is_usual() -> None:
    for size in (1.0, 1000.0):
        detector = small(normalise="standard", validation=0).fit(size * WAVE[:300])
        scores = detector.score_samples(size * WAVE[:300])
        assert np.nanmedian(scores) == pytest.approx(0, abs=1e-6)
        assert np.nanmedian(np.abs(scores)) == pytest.approx(1 / 1.4826, rel=1e-6)


def test_alarms_near_one_another_are_one() -> None:
    detector = small().fit(WAVE)
    flags = np.zeros(30, bool)
    flags[[3, 4, 8, 15, 29]] = True
    wanted = {0: [[3, 5], [8, 9], [15, 16], [29, 30]], 4: [[3, 9], [15, 16], [29, 30]], 7: [[3, 16], [29, 30]]}
    for merge, alarms in wanted.items():
        detector.merge = merge
        assert detector._merged(flags).tolist() == alarms, merge
    assert detector._merged(flags[:3]).shape == (0, 2)


def test_smoothing_is_a_mean_of_what_was() -> None:
    rough, smooth = (small(smoothing=steps).fit(WAVE).score_samples(broken()) for steps in (1, 4))
    np.testing.assert_allclose(smooth[350], np.mean(rough[347:351]))
    np.testing.assert_allclose(smooth[13], np.mean(rough[12:14]))


def test_files_and_pickles_say_the_same(tmp_path: Path) -> None:
    detector = small(season=7, smoothing=2, rate=1e-3).fit(WAVE)
    detector.save(tmp_path / "detector.safetensors")
    wanted = detector.score_samples(broken())
    loaded = rl.load(tmp_path / "detector.safetensors")
    assert repr(loaded) == repr(detector)
    for other in (loaded, pickle.loads(pickle.dumps(detector)), copy.deepcopy(detector)):
        np.testing.assert_array_equal(other.score_samples(broken()), wanted)
        np.testing.assert_array_equal(other.alarms(broken()), detector.alarms(broken()))
    with pytest.raises(ValueError, match="holds a AnomalyDetector, not a Forecaster"):
        rl.Forecaster.load(tmp_path / "detector.safetensors")


@pytest.mark.parametrize(
    ("options", "series", "message"),
    [
        ({"ahead": 0}, WAVE, "ahead must be at least 1, got 0"),
        ({"smoothing": 0}, WAVE, "smoothing must be at least 1"),
        ({"merge": -1}, WAVE, "merge must be at least 0"),
        ({"quantile": 1.0}, WAVE, "quantile must be between 0 and 1, got 1.0"),
        ({"rate": 0.0}, WAVE, "rate must be above 0"),
        ({"rate": 1.5}, WAVE, "rate must be between 0 and 1"),
        ({"ahead": 4}, WAVE[:15], "series has 15 steps; at least 16 are needed"),
        ({}, np.where(STEPS == 5, np.nan, WAVE), "series has nan at step 5"),
    ],
)
def test_what_fit_refuses(options: dict[str, Any], series: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        small(**options).fit(series)


def test_what_a_detector_refuses() -> None:
    with pytest.raises(NotFittedError):
        small().score_samples(WAVE)
    with pytest.raises(NotFittedError):
        small().stream()
    detector = small().fit(WAVE, future=FUTURE)
    stream = detector.stream()
    refused: list[tuple[Any, str]] = [
        (lambda: detector.score_samples(WAVE), "future must have 1 columns, as in fit, got none"),
        (lambda: stream.update(1.0), "future must have 1 columns, as in fit, got none"),
        (lambda: stream.update(np.nan, future=0.0), r"value must hold finite numbers of one step, got \[nan\]"),
        (lambda: stream.update([1.0, 2.0], future=0.0), "must have 1 columns together, as in fit, got 2"),
    ]
    for call, message in refused:
        with pytest.raises(ValueError, match=message):
            call()
    # What was refused is not remembered.
    scores = [stream.update(value, future=known) for value, known in zip(WAVE[:30], FUTURE[:30], strict=True)]
    np.testing.assert_array_equal(scores, detector.score_samples(WAVE[:30], future=FUTURE[:30]))
    assert len(detector.predict(WAVE[:5], future=FUTURE[:5])) == 5


class Stop(rl.training.Callback):
    """Ends a fit by an error."""

    def __init__(self, error: BaseException, step: int = 3) -> None:
        self.error, self.step = error, step

    def on_step(self, trainer: Any) -> None:
        if trainer.step == self.step:
            raise self.error


def test_a_fit_that_fails_leaves_the_old_detector() -> None:
    detector = small().fit(WAVE)
    wanted, threshold = detector.score_samples(broken()), detector.threshold_
    failing: list[tuple[dict[str, Any], Any, list[Any], type[Exception]]] = [
        ({}, WAVE[:9], [], ValueError),
        ({"season": 100, "normalise": "standard"}, WAVE[:50], [], ValueError),
        ({"normalise": "standard"}, WAVE * 9, [Stop(OSError("full"))], OSError),
        ({"normalise": "window", "season": None, "warm_start": True}, WAVE * 9, [Stop(OSError("full"))], OSError),
    ]
    for options, series, callbacks, error in failing:
        detector.set_params(**options)
        with pytest.raises(error):
            detector.fit(series, callbacks=callbacks)
        np.testing.assert_array_equal(detector.score_samples(broken()), wanted)
        assert detector.threshold_ == threshold


@pytest.mark.parametrize("error", [KeyboardInterrupt(), rl.NonFiniteError("inf")])
def test_an_interrupted_fit_leaves_a_detector_of_what_it_came_to(error: BaseException) -> None:
    for detector in (small(), small().fit(WAVE)):
        detector.set_params(normalise="standard", ahead=2)
        with pytest.raises(type(error)):
            detector.fit(50 * WAVE[:300], callbacks=[Stop(error)])
        known = detector.score_samples(50 * WAVE[270:300])
        assert known.shape == (30,)
        assert len(detector.scores_) == 30
        assert detector.usual_[1] > 1


def test_options_set_after_fit_change_nothing_until_the_next() -> None:
    detector = small(smoothing=2, season=5).fit(WAVE)
    wanted = detector.score_samples(broken())
    detector.set_params(normalise="standard", season=None, window=3, lags=7, ahead=4, smoothing=9)
    np.testing.assert_array_equal(detector.score_samples(broken()), wanted)
    stream = detector.stream()
    np.testing.assert_array_equal([stream.update(value) for value in broken()[:60]], wanted[:60])
    assert not np.array_equal(detector.fit(WAVE).score_samples(broken()), wanted)


def test_a_dataset_and_frames_by_name() -> None:
    data = rl.datasets.Dataset("wave", "prediction", "a wave", WAVE)
    np.testing.assert_array_equal(small().fit(data).score_samples(data), small().fit(WAVE).score_samples(WAVE))
    with pytest.raises(ValueError, match="must be a Dataset of one series, got 'pieces' with 20 samples"):
        small().fit(rl.datasets.Dataset("pieces", "prediction", "what follows", WAVE.reshape(20, 20), WAVE[:20]))


@pytest.mark.parametrize("name", ["inputs_", "usual_", "scores_", "threshold_", "options_", "smaller usual_"])
def test_files_that_lack_something_are_refused(name: str, tmp_path: Path) -> None:
    detector = small(epochs=1).fit(WAVE)
    if name == "smaller usual_":
        detector.usual_ = detector.usual_[:1]
    else:
        delattr(detector, name)
    detector.save(tmp_path / "detector.safetensors")
    with pytest.raises(rl.checkpoint.DamagedFileError, match="cannot be made"):
        rl.load(tmp_path / "detector.safetensors")
