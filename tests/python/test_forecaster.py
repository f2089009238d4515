"""Forecasters: every form of series, every strategy, and forecasts that do not know the future."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from forecaster_cases import NORMALISATIONS, RNG, STEPS, STRATEGIES, WAVE, Frame, Table, small
from rustlstm.forecasting import backtest
from rustlstm.models._estimator import NotFittedError

pytestmark = pytest.mark.once


# --- it learns


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("normalise", "season"), [("window", None), ("window", 12), ("standard", None), ("none", 12)])
def test_it_learns_a_wave(strategy: str, normalise: str, season: int | None) -> None:
    model = small(horizon=4, strategy=strategy, normalise=normalise, season=season, epochs=30).fit(WAVE[:200])
    found = model.backtest(WAVE, start=200)
    last = backtest(lambda history, horizon: np.repeat(history[-1], horizon), WAVE, horizon=4, start=200)
    assert found.metrics["rmse"] < 0.25 * last.metrics["rmse"]
    assert model.score(WAVE) > 0.9


def test_what_was_learned_at_one_level_holds_at_another() -> None:
    trend = 0.5 * np.arange(150.0) + np.tile([0.0, 1.0, 3.0], 50)
    model = small(horizon=3, epochs=40).fit(trend)
    for shift, size in [(0.0, 1.0), (1000.0, 1.0), (0.0, 50.0)]:
        made = model.predict(series=size * trend[:90] + shift)
        assert np.abs(made - (size * trend[90:93] + shift)).max() < 0.4 * size


def test_lags_and_a_hidden_layer_and_every_loss_learn() -> None:
    for options in ({"lags": 12}, {"head_size": 8}, {"loss": "mae"}, {"loss": "huber", "dropout": 0.1}):
        model = small(horizon=2, epochs=20, **options).fit(WAVE[:200])
        assert model.backtest(WAVE, start=200).metrics["rmse"] < 1.0, options


def test_future_covariates_tell_what_the_past_cannot() -> None:
    promotion = (np.random.default_rng(3).random(400) < 0.4).astype(float)
    sales = 10 + 5 * promotion + 0.1 * RNG.standard_normal(400)
    for strategy in STRATEGIES:
        for normalise in ("window", "standard"):
            options = {"strategy": strategy, "normalise": normalise, "horizon": 2, "epochs": 20}
            model = small(**options).fit(sales[:350], future=promotion[:350])
            found = model.backtest(sales[300:], future=promotion[300:], start=50)
            assert found.metrics["rmse"] < 1.2, (strategy, normalise, found)
            assert small(**{**options, "epochs": 5}).fit(sales[:350]).backtest(sales, start=350).metrics["rmse"] > 1.6


def test_past_and_static_covariates_are_seen() -> None:
    sign = RNG.choice([-1.0, 1.0], 300)
    following = np.concatenate([[0.0], np.cumsum(sign)[:-1]])
    model = small(epochs=30, normalise="window", window=4).fit(following[:250], past=sign[:250])
    assert model.backtest(following, past=sign, start=250).metrics["rmse"] < 0.5
    # The same beginning, and what is static says whether it rises or falls.
    rows = [np.concatenate([np.zeros(20), slope * np.arange(1.0, 3.0)]) for slope in (1.0, -1.0)] * 20
    kinds = [[1.0], [0.0]] * 20
    model = small(epochs=60, normalise="none", horizon=2, validation=0).fit(rows, static=kinds)
    rising, falling = model.predict(series=[np.zeros(20)] * 2, static=[[1.0], [0.0]])
    assert rising[1] > 0.5
    assert falling[1] < -0.5


# --- forms


def test_every_form_of_a_series_gives_the_same() -> None:
    wanted = small(horizon=3).fit(WAVE).predict()
    assert wanted.shape == (3,)
    forms: dict[str, Any] = {
        "list": WAVE.tolist(),
        "[T, 1]": WAVE[:, None],
        "frame": Frame(load=WAVE),
        "table": Table(WAVE[:, None], ("load",)),
    }
    for name, form in forms.items():
        found = small(horizon=3).fit(form).predict()
        np.testing.assert_array_equal(found.reshape(3), wanted, err_msg=name)
    column = Frame(a=WAVE)
    column._held = WAVE
    np.testing.assert_array_equal(small(horizon=3).fit(column).predict(), wanted)


def test_targets_by_number_and_name_and_several_columns() -> None:
    both = np.stack([WAVE, np.roll(WAVE, 3)], axis=1)
    assert small(horizon=3).fit(both).predict().shape == (3, 2)
    by_number = small(horizon=3, target=1).fit(both).predict()
    by_name = small(horizon=3, target="b").fit(Frame(a=both[:, 0], b=both[:, 1])).predict()
    assert by_number.shape == (3,)
    np.testing.assert_array_equal(by_number, by_name)
    assert small(horizon=3, target=[1]).fit(both).predict().shape == (3, 1)
    assert small(horizon=3, target=[1, 0]).fit(both).predict_interval(coverage=0.5).shape == (3, 2, 2)


def test_one_model_of_many_series_of_different_lengths() -> None:
    rows = [scale * WAVE[start:] for scale, start in [(1, 0), (100, 60), (0.01, 120)]]
    for normalise in ("window", "standard"):
        model = small(horizon=3, epochs=20, normalise=normalise).fit(rows)
        made = model.predict()
        assert made.shape == (3, 3)
        # Each is forecast from its own steps, and from nothing of the others.
        for at, row in enumerate(rows):
            np.testing.assert_allclose(model.predict(series=row), made[at], rtol=1e-6)
        assert model.predict_interval(coverage=0.5).shape == (3, 3, 2)
    tested = small(horizon=3, epochs=20).fit(rows).backtest(rows, start=100, stride=10)
    assert sorted(set(tested.series.tolist())) == [0, 1, 2]
    assert tested.forecasts.shape == (len(tested), 3)
    assert tested.metrics["smape"] < 10


# --- no forecast knows the future, and all ways to it agree


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("normalise", NORMALISATIONS)
@pytest.mark.parametrize("season", [None, 5])
def test_a_backtest_says_what_predict_says_from_each_origin(strategy: str, normalise: str, season: int | None) -> None:
    calendar = np.stack([np.sin(STEPS), np.cos(STEPS)], axis=1)
    model = small(horizon=7, strategy=strategy, normalise=normalise, season=season, lags=3)
    model.fit(WAVE[:100], future=calendar[:100])
    tested = model.backtest(WAVE[:60], future=calendar[:60], stride=6)
    needs = model.inputs_.needs
    assert tested.origins.tolist() == list(range(needs, 60 - 7 + 1, 6))
    for origin, forecast, actual in zip(tested.origins.tolist(), tested.forecasts, tested.actuals, strict=True):
        # Nothing behind the origin is given, so nothing of it can be used.
        alone = model.predict(series=WAVE[:origin], future=calendar[: origin + 7])
        np.testing.assert_allclose(forecast, alone, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(actual, WAVE[origin : origin + 7])


def test_the_state_is_carried_along_the_series() -> None:
    long = np.tile(WAVE, 6)
    whole = small(normalise="standard").fit(WAVE)
    window = small(normalise="window").fit(WAVE)
    changed = long.copy()
    changed[:4] += 3.0
    # A carried state remembers the beginning; a window has forgotten it.
    near = [model.predict(series=changed[:20]) != model.predict(series=long[:20]) for model in (whole, window)]
    assert [bool(one.any()) for one in near] == [True, False]
    tested = whole.backtest(long, start=1300, stride=50)  # further than one chunk of the state's way
    alone = [whole.predict(series=long[:origin]) for origin in tested.origins.tolist()]
    np.testing.assert_allclose(tested.forecasts, np.stack(alone), rtol=1e-6)


def test_validation_is_the_last_part_and_training_does_not_see_it() -> None:
    for normalise in ("window", "standard"):
        other = WAVE.copy()
        other[-24:] += RNG.standard_normal(24)
        options: dict[str, Any] = {"normalise": normalise, "horizon": 3, "validation": 0.1}
        fits = [small(**options).fit(series) for series in (WAVE, other)]
        losses = [model.history_["loss"] for model in fits]
        assert losses[0] == losses[1]
        assert fits[0].history_["val_loss"] != fits[1].history_["val_loss"]
        assert "val_loss" not in small(**{**options, "validation": 0.0}).fit(WAVE).history_.last


@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_the_validation_loss_is_the_error_on_the_last_part(normalise: str) -> None:
    # Longer than a chunk of the state's way, and with an end that is harder than the rest.
    series = np.tile(WAVE, 5) + np.where(np.arange(1200) > 1100, 2.0, 0.1) * RNG.standard_normal(1200)
    model = small(horizon=3, normalise=normalise, validation=0.2).fit(series)
    tested = model.backtest(series, start=960)
    if normalise == "window":
        assert np.mean(model.residuals_**2) == pytest.approx(min(model.history_["val_loss"]), rel=1e-4)
    else:
        unit = 1.0 if normalise == "none" else series[:960].std()
        assert tested.metrics["mse"] / unit**2 == pytest.approx(min(model.history_["val_loss"]), rel=1e-4)
    assert model.residuals_.shape == (len(tested), 3, 1)


def test_an_epoch_has_no_more_steps_than_asked_for() -> None:
    seen: list[int] = []

    class Count(rl.training.Callback):
        def on_step(self, trainer: Any) -> None:
            seen.append(trainer.step)

    small(steps_per_epoch=2, epochs=4).fit(WAVE, callbacks=[Count()])
    assert seen[-1] == 8


# --- intervals


def test_conformal_intervals_cover_as_often_as_they_say() -> None:
    noise = np.random.default_rng(1).standard_normal(4000)
    series = np.zeros(4000)
    for step in range(1, 4000):
        series[step] = 0.8 * series[step - 1] + noise[step]
    for normalise in ("window", "standard"):
        model = small(horizon=3, normalise=normalise, validation=0.3, epochs=5, lags=2).fit(series[:2000])
        for coverage in (0.5, 0.9):
            hits = []
            for end in range(2050, 3990, 10):
                low, high = model.predict_interval(coverage=coverage, series=series[:end][-200:]).T
                hits.append((low <= series[end : end + 3]) & (series[end : end + 3] <= high))
            shares = np.mean(hits, axis=0)
            assert np.abs(shares - coverage).max() < 0.09, (normalise, coverage, shares)
        widths = np.diff(model.predict_interval(coverage=0.9))[:, 0]
        assert widths[2] > widths[0]


@pytest.mark.parametrize("output", ["quantile", "gaussian"])
@pytest.mark.parametrize("strategy", ["joint", "recursive"])
def test_quantiles_and_distributions(output: str, strategy: str) -> None:
    series = np.random.default_rng(2).standard_normal(1500).cumsum()
    model = small(horizon=4, output=output, strategy=strategy, epochs=8, window=24).fit(series)
    levels = model.predict_quantiles()
    assert levels.shape == (4, 5)
    assert (np.diff(levels, axis=1) >= 0).all()
    bounds = model.predict_interval(coverage=0.9)
    np.testing.assert_allclose(bounds, levels[:, [0, 4]])
    # A random walk: 90 % lie within 1.645 deviations, which grow as the root of the steps.
    several = model.predict_interval(coverage=0.9, series=[series[:end] for end in range(500, 1500, 50)])
    widths = np.diff(several)[:, :, 0].mean(axis=0)
    np.testing.assert_allclose(widths, 2 * 1.645 * np.sqrt([1, 2, 3, 4]), rtol=0.35)
    np.testing.assert_array_equal(model.predict_interval(coverage=0.9), bounds)
    assert (levels[:, 0] < model.predict()).all()
    assert (model.predict() < levels[:, 4]).all()


def test_quantiles_of_points_are_those_of_what_was_missed() -> None:
    model = small(horizon=2).fit(WAVE)
    made = model.predict_quantiles(levels=[0.1, 0.5, 0.9])
    off = np.quantile(model.residuals_, [0.1, 0.5, 0.9], axis=0)[:, :, 0].T
    unit = np.diff(made)[:, 0] / np.diff(off)[:, 0]
    np.testing.assert_allclose(made, model.predict()[:, None] + off * unit[:, None])


# --- going on, again, and files


def test_predict_goes_on_from_the_end_of_fit() -> None:
    calendar = np.sin(STEPS)[:, None]
    for normalise in ("window", "standard"):
        model = small(horizon=5, normalise=normalise).fit(WAVE[:200], future=calendar[:200])
        wanted = model.predict(series=WAVE[:200], future=calendar[:205])
        np.testing.assert_allclose(model.predict(future=calendar[200:205]), wanted, rtol=1e-6)
        further = small(horizon=5, normalise=normalise).fit(WAVE[:200], future=calendar[:220])
        np.testing.assert_allclose(further.predict(), wanted, rtol=1e-6)
        with pytest.raises(ValueError, match=r"future has \d+ steps; \d+ are needed"):
            model.predict()
    model = small(strategy="recursive").fit(WAVE)
    np.testing.assert_array_equal(model.predict(40)[:10], model.predict(10))
    joint = small(horizon=5).fit(WAVE)
    np.testing.assert_array_equal(joint.predict(2), joint.predict()[:2])


@pytest.mark.parametrize(
    "options",
    [
        {"horizon": 3, "season": 12, "lags": 2, "head_size": 4, "dropout": 0.1},
        {"horizon": 3, "strategy": "direct", "normalise": "standard", "output": "gaussian"},
        {"horizon": 3, "strategy": "recursive", "output": "quantile", "num_layers": 2},
    ],
)
def test_files_pickles_and_copies_say_the_same(options: dict[str, Any], tmp_path: Path) -> None:
    future = np.sin(STEPS)
    model = small(**options).fit([WAVE[:150], 2 * WAVE[:100]], future=[future[:160], future[:110]], static=[[0], [1]])
    wanted = model.predict(), model.predict_quantiles()
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = rl.load(path)
    assert repr(loaded) == repr(model)
    assert loaded.history_.rows == model.history_.rows
    for other in (loaded, rl.Forecaster.load(path), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(other.predict(), wanted[0])
        np.testing.assert_array_equal(other.predict_quantiles(), wanted[1])


def test_the_same_seed_gives_the_same_and_a_warm_start_goes_on() -> None:
    first, second = small().fit(WAVE), small().fit(WAVE)
    np.testing.assert_array_equal(first.predict(), second.predict())
    assert small(seed=1).fit(WAVE).predict() != first.predict()
    begun = first.history_["loss"][0]
    first.set_params(warm_start=True).fit(WAVE)
    assert first.history_["loss"][0] < begun
    assert type(first)(**first.get_params()).get_params() == first.get_params()


def test_backtest_of_a_function_and_its_figures() -> None:
    series = np.array([1.0, 2.0, 4.0, 7.0, 11.0, 16.0])
    tested = backtest(lambda history, horizon: np.repeat(history[-1], horizon), series, horizon=2, start=3)
    assert tested.origins.tolist() == [3, 4]
    np.testing.assert_array_equal(tested.actuals, [[7, 11], [11, 16]])
    np.testing.assert_array_equal(tested.forecasts, [[4, 4], [7, 7]])
    errors = np.array([3, 7, 4, 9])
    assert tested.metrics["mse"] == np.mean(errors**2)
    assert tested.metrics["mae"] == np.mean(errors)
    assert tested.metrics["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert tested.metrics["smape"] == pytest.approx(np.mean(200 * errors / np.array([11, 15, 18, 23])))
    assert tested.metrics["mase"] == pytest.approx(np.mean(errors) / 1.5)
    np.testing.assert_allclose(tested.per_step(), [12.5, 65.0])


# --- a fit that does not reach its end, and options that change after it


class Stop(rl.training.Callback):
    """Ends a fit by an error."""

    def __init__(self, error: BaseException, step: int = 3) -> None:
        self.error, self.step = error, step

    def on_step(self, trainer: Any) -> None:
        if trainer.step == self.step:
            raise self.error


def test_a_fit_that_fails_leaves_the_old_model(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small(horizon=3).fit(WAVE)
    wanted = model.predict(), model.predict_interval(coverage=0.5)
    standard = {"normalise": "standard", "horizon": 5}
    warm = {"normalise": "window", "horizon": 3, "warm_start": True}
    failing: list[tuple[dict[str, Any], Any, list[Any], type[BaseException]]] = [
        (standard, WAVE[:4], [], ValueError),
        (standard, np.stack([WAVE, np.full(240, np.nan)], 1), [], ValueError),
        ({"strategy": "magic"}, WAVE, [], ValueError),
        ({"strategy": "joint"}, WAVE * 9, [Stop(OSError("full"))], OSError),
        (standard, WAVE * 9, ["no callback"], TypeError),
        (warm, WAVE * 9, [Stop(OSError("full"))], OSError),
        (warm, np.stack([WAVE, WAVE], 1), [], ValueError),
    ]
    for options, series, callbacks, error in failing:
        model.set_params(**options)
        with pytest.raises(error):
            model.fit(series, callbacks=callbacks)
        np.testing.assert_array_equal(model.predict(), wanted[0])
        np.testing.assert_array_equal(model.predict_interval(coverage=0.5), wanted[1])
    # Whoever is impatient twice has the old one, too; and who had none still has none.
    new = small()
    for one in (model, new):
        with monkeypatch.context() as patch:
            patch.setattr(rl.Forecaster, "_missed", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                one.fit(WAVE * 9, callbacks=[Stop(KeyboardInterrupt())])
    np.testing.assert_array_equal(model.predict(), wanted[0])
    with pytest.raises(NotFittedError):
        new.predict()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), rl.NonFiniteError("inf")])
@pytest.mark.parametrize("normalise", ["window", "standard"])
def test_an_interrupted_fit_leaves_a_model_of_what_it_came_to(error: BaseException, normalise: str) -> None:
    for model in (
        small(),
        small(horizon=1).fit(WAVE),
        small(horizon=3, normalise=normalise, warm_start=True).fit(WAVE),
    ):
        model.set_params(horizon=3, normalise=normalise)
        series = 1000 + 50 * WAVE[:200]
        with pytest.raises(type(error)):
            model.fit(series, callbacks=[Stop(error)])
        np.testing.assert_allclose(model.predict(), model.predict(series=series), rtol=1e-6)
        assert model.residuals_.shape[1] == 3
        assert model.predict_interval(coverage=0.5).shape == (3, 2)


@pytest.mark.parametrize("output", ["point", "quantile"])
def test_options_set_after_fit_change_nothing_until_the_next(output: str) -> None:
    changed: dict[str, Any] = {"normalise": "standard", "season": 12, "window": 3, "lags": 4, "horizon": 1}
    changed.update(strategy="direct", output="gaussian", quantiles=(0.5,), seed=5, target=3, loss="mae")
    for strategy in ("joint", "recursive"):
        model = small(horizon=3, output=output, strategy=strategy, quantiles=(0.1, 0.5, 0.9)).fit(WAVE)

        def told(model: rl.Forecaster = model) -> list[Any]:
            tested = model.backtest(WAVE, start=200)
            return [model.predict(), model.predict(series=WAVE), tested.forecasts, tested.naive, *levels(model)]

        def levels(model: rl.Forecaster) -> list[Any]:
            return [model.predict_quantiles(), model.predict_interval(coverage=0.5)]

        wanted = told()
        for before, after in zip(wanted, model.set_params(**changed) and told(), strict=True):
            np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"horizon": 5}, "warm_start goes on with horizon=3, got 5"),
        ({"normalise": "standard", "season": 12}, "warm_start goes on with normalise="),
        ({"hidden_size": 9}, "warm_start goes on with the network that there is"),
    ],
)
def test_a_warm_start_goes_on_with_the_model_that_there_is(changed: dict[str, Any], message: str) -> None:
    model = small(horizon=3, validation=0.2).fit(WAVE)
    before = model.predict()
    with pytest.raises(ValueError, match=message):
        model.set_params(warm_start=True, **changed).fit(WAVE)
    np.testing.assert_array_equal(model.predict(), before)


@pytest.mark.parametrize("output", ["quantile", "gaussian"])
def test_intervals_do_not_depend_on_the_company(output: str) -> None:
    rows = [WAVE[:200], 3 * WAVE[20:], WAVE[50:150]]
    model = small(horizon=5, strategy="recursive", output=output).fit(rows)
    together = model.predict_quantiles()
    for at, row in enumerate(rows):
        np.testing.assert_allclose(model.predict_quantiles(series=row), together[at], rtol=1e-5)
    np.testing.assert_allclose(model.predict_quantiles(series=rows[::-1]), together[::-1], rtol=1e-5)
    np.testing.assert_allclose(model.predict_quantiles(3), together[:, :3], rtol=1e-5)
    other = model.set_params(seed=1).fit(rows)
    assert np.abs(other.predict_quantiles() - together).max() > 0


def test_recursive_quantiles_beyond_those_of_fit_are_refused() -> None:
    model = small(horizon=3, strategy="recursive", output="quantile").fit(WAVE)
    assert model.predict_interval(coverage=0.9).shape == (3, 2)
    for call in (lambda: model.predict_interval(coverage=0.95), lambda: model.predict_quantiles(levels=[0.5, 0.99])):
        with pytest.raises(ValueError, match="levels must be within those of fit, 0.05 to 0.95"):
            call()


# --- datasets, and names of columns


def test_a_dataset_of_one_series_is_a_series() -> None:
    data = rl.datasets.Dataset("wave", "prediction", "a wave", WAVE)
    model = small(horizon=3).fit(data[:200])
    np.testing.assert_array_equal(model.predict(), small(horizon=3).fit(WAVE[:200]).predict())
    np.testing.assert_array_equal(model.predict(series=data), model.predict(series=WAVE))
    assert model.score(data) == model.score(WAVE)
    samples = rl.datasets.Dataset("pieces", "prediction", "what follows", WAVE.reshape(10, 24), WAVE[:10])
    text = rl.datasets.Dataset("words", "generation", "words", "some words")
    for wrong, message in ((samples, "one series, got 'pieces' with 10 samples"), (text, "got 'words' with a text")):
        with pytest.raises(ValueError, match=message):
            small().fit(wrong)


def test_columns_of_frames_are_found_by_name(tmp_path: Path) -> None:
    a, b, c, d = WAVE, np.roll(WAVE, 3) * 2, np.sin(STEPS), np.cos(STEPS)
    model = small(horizon=3).fit(
        Frame(a=a[:200], b=b[:200]),
        past=Frame(c=c[:200], d=d[:200]),
        future=Frame(c=c[:210], d=d[:210]),
        static=Frame(s=np.array([1.0]), t=np.array([2.0])),
    )
    given = {"past": Frame(d=d, c=c), "static": Frame(t=np.array([2.0]), s=np.array([1.0]))}
    calendar = Frame(d=np.sin(STEPS - 3), c=np.cos(STEPS - 3))
    plain = {"past": np.stack([c, d], 1), "static": [1.0, 2.0]}
    wanted = model.backtest(np.stack([a, b], 1), future=calendar.to_numpy()[:, ::-1], **plain).forecasts
    model.save(tmp_path / "model.safetensors")
    for one in (model, rl.load(tmp_path / "model.safetensors")):
        np.testing.assert_array_equal(one.backtest(Frame(b=b, a=a), future=calendar, **given).forecasts, wanted)
        coming = one.predict(future=Frame(d=d[200:203], c=c[200:203]))
        np.testing.assert_array_equal(coming, one.predict(future=np.stack([c, d], 1)[200:203]))
        refused: list[tuple[Any, dict[str, Any], str]] = [
            (Frame(a=a, x=b), {}, "series lacks the column 'b'; it has a, x, and must have a, b"),
            (Frame(b=b, a=a, x=c), {}, "series has a column 'x', which is not known"),
            (Frame(b=b, a=a), {"past": Frame(c=c, x=d)}, "past lacks the column 'd'"),
            (Frame(b=b, a=a), {"future": Frame(c=c, x=d)}, "future lacks the column 'd'"),
        ]
        for series, covariates, message in refused:
            with pytest.raises(ValueError, match=message):
                one.predict(series=series, **{**given, "future": calendar, **covariates})
        with pytest.raises(ValueError, match="future lacks the column 'd'"):
            one.predict(future=Frame(c=c[200:203]))


def test_frames_of_a_list_have_the_same_columns() -> None:
    both = [np.stack([WAVE, 2 * WAVE], 1), np.stack([3 * WAVE, WAVE[::-1]], 1)]
    frames = [Frame(a=both[0][:, 0], b=both[0][:, 1]), Frame(b=both[1][:, 1], a=both[1][:, 0])]
    np.testing.assert_array_equal(small().fit(frames).predict(), small().fit(both).predict())
    with pytest.raises(ValueError, match=r"series\[1\] lacks the column 'b'; it has a, c"):
        small().fit([frames[0], Frame(a=WAVE, c=WAVE)])
