"""The comparison of a model with baselines: what it fits, how it scores, and what it says."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm import baselines as bl

pytestmark = pytest.mark.once

RANDOM = np.random.Generator(np.random.PCG64(5))


@dataclass
class Given:
    """What compare knows of a Dataset."""

    x: Any
    y: Any
    problem: str
    metric: str | None = None
    optimum: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)

    def split(self, test: float, *, by: str, seed: int) -> tuple[Given, Given]:
        self.asked.append((test, by, seed))
        cut = round(len(self.x) * (1 - test))
        parts = (slice(None, cut), slice(cut, None))
        rest = (self.problem, self.metric, self.optimum, self.details)
        first, second = (Given(self.x[at], None if self.y is None else self.y[at], *rest) for at in parts)
        return first, second


class Model:
    """A model that knows the answers, but for an error."""

    def __init__(self, error: float = 0.0) -> None:
        self.error = error

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"error": self.error}

    def fit(self, X: Any, y: Any) -> Model:
        self.seen_ = len(X)
        return self

    def predict(self, X: Any) -> Any:
        return np.asarray(X)[:, 0] + self.error


X = RANDOM.normal(size=(400, 6))
Y = X[:, 0].copy()


def quiet(model: Any, baselines: Any = None, data: Any = None, **more: Any) -> Any:
    return rl.compare(model, baselines, data, file=io.StringIO(), **more)


def test_a_model_that_is_worth_it() -> None:
    table = io.StringIO()
    data = Given(X, Y, "prediction", "mse", 0.0)
    model = Model(0.1)
    found = rl.compare(model, [bl.LastValue(), bl.Mean()], data, file=table)
    assert data.asked == [(0.2, "time", 0)]
    assert found.worth_it and found.rival == "Mean" and found.model == "Model" and found.metric == "mse"
    assert [row.name for row in found.rows] == ["Model", "Mean", "LastValue"]
    best = found.rows[0]
    assert best.score == pytest.approx(0.01) and best.distance == pytest.approx(0.01) and best.fit_seconds is not None
    mean = float(np.mean((Y[320:] - Y[:320].mean()) ** 2))
    assert found.rows[1].score == pytest.approx(mean) and found.gain == pytest.approx(mean - 0.01)
    assert found.interval is not None and found.interval[0] < found.gain < found.interval[1]
    assert not hasattr(model, "seen_") and found.models["Model"].seen_ == 320, "a clone was fitted"
    assert (
        found.verdict.startswith("Model is worth it: mse 0.01 against ")
        and "of the best baseline, Mean" in found.verdict
    )
    assert table.getvalue() == f"{found}\n"


def test_one_that_is_not() -> None:
    worse = quiet(Model(3.0), [bl.Mean()], ((X[:300], Y[:300]), (X[300:], Y[300:])))
    assert not worse.worth_it and worse.gain < 0 and worse.interval[1] < 0
    assert worse.verdict.startswith("Model is not worth it here: Mean is better, mse 9 against ")
    same = quiet(Model(0.0), {"twin": Model(0.0)}, ((X[:300], Y[:300]), (X[300:], Y[300:])))
    assert not same.worth_it and same.gain == 0 and "twin is as good" in same.verdict and same.interval == (0.0, 0.0)


def test_a_gain_within_the_sampling_error_is_none() -> None:
    class Noisy(Model):
        def predict(self, X: Any) -> Any:
            noise = np.random.Generator(np.random.PCG64(int(self.error))).normal(size=len(X))
            return np.asarray(X)[:, 0] + noise

    pair = ((X[:360], Y[:360]), (X[360:], Y[360:]))
    twins = [quiet(Noisy(a), {"twin": Noisy(b)}, pair) for a, b in ((1, 2), (2, 1))]
    ahead = next(each for each in twins if each.gain > 0)
    assert not ahead.worth_it and "is within the sampling error" in ahead.verdict
    assert ahead.interval[0] < 0 < ahead.interval[1]


def test_the_interval_is_that_of_the_mean() -> None:
    """Of independent samples, the bootstrap finds the standard error of the mean difference."""
    labels = RANDOM.integers(0, 2, 2000)
    right = RANDOM.random(2000) < 0.7

    class Guess(Model):
        def predict(self, X: Any) -> Any:
            return np.where(right, labels, 1 - labels)

    found = quiet(Guess(), [bl.MostFrequent()], ((labels[:, None], labels), (labels[:, None], labels)))
    assert found.metric == "accuracy" and found.greater_is_better and found.worth_it
    most = np.bincount(labels).argmax()
    each = (right.astype(float)) - (labels == most)
    error = each.std() / math.sqrt(2000)
    np.testing.assert_allclose(found.interval, found.gain + 1.96 * error * np.array([-1, 1]), atol=0.3 * error)


@pytest.mark.parametrize("metric", ["rmse", "r2", "mae", rl.metrics.smape])
def test_other_metrics(metric: Any) -> None:
    found = quiet(Model(0.1), [bl.Mean()], Given(X, Y, "prediction", "mse", 0.0), metric=metric)
    assert found.worth_it and found.interval[0] > 0 and found.optimum is None, "the optimum is that of the mse"
    assert found.interval[0] <= found.gain <= found.interval[1]
    assert "from optimum" not in str(found)


def test_own_metric() -> None:
    def worst(true: Any, pred: Any) -> float:
        return float(np.abs(true - pred).max())

    with pytest.raises(ValueError, match="attribute greater_is_better"):
        quiet(Model(), [bl.Mean()], Given(X, Y, "prediction"), metric=worst)
    worst.greater_is_better = False  # type: ignore[attr-defined]
    assert quiet(Model(), [bl.Mean()], Given(X, Y, "prediction"), metric=worst).worth_it


def test_what_is_fitted_stays_as_it_is() -> None:
    fitted = bl.Mean().fit(X[:10], np.full(10, 9.0))
    found = quiet(Model(), [fitted, bl.Mean()], Given(X, Y, "prediction"))
    assert found.models["Mean"] is fitted and {row.name for row in found.rows} == {"Model", "Mean", "Mean 2"}
    assert next(row for row in found.rows if row.name == "Mean").fit_seconds is None and "before" in str(found)


WORDS = ["good film", "bad film", "good plot", "bad plot"] * 20
LABELS = ["up", "down", "up", "down"] * 20
TAGS = [["X" if letter == "a" else "O" for letter in row] for row in ["aba", "bb", "ab"] * 10]
SERIES = np.sin(np.arange(330.0))

CHOICES: list[tuple[Given, str, list[str]]] = [
    (
        Given(np.stack([SERIES[at : at + 8] for at in range(300)]), SERIES[8:308], "prediction", details={"period": 4}),
        "mse",
        ["LastValue", "SeasonalNaive(period=4)", "Mean", "LinearAutoregression(lags=8)", "WindowMLP(window=8)"],
    ),
    (Given([["a", "b"]] * 40, ["a"] * 40, "prediction"), "hit_rate", ["Popularity", "MarkovChain"]),
    (Given(WORDS, LABELS, "classification"), "accuracy", ["MostFrequent", "NaiveBayes"]),
    (
        Given(["ACGTACGT", "ACCCCCCC"] * 20, [0, 1] * 20, "classification"),
        "accuracy",
        ["MostFrequent", "NaiveBayes", "Hexamer"],
    ),
    (Given(np.zeros((40, 3, 2)), [0, 1] * 20, "classification"), "accuracy", ["MostFrequent"]),
    (Given([list(row) for row in ["aba", "bb", "ab"] * 10], TAGS, "tagging"), "accuracy", ["MostFrequentTag"]),
    (Given("to be or not to be, " * 100, None, "generation"), "nats", ["NGram", "MarkovChain"]),
    (Given([["a", "b", "a"]] * 50, None, "generation"), "nats", ["NGram", "MarkovChain"]),
    (Given(["walk", "run"] * 20, ["W", "R"] * 20, "seq2seq"), "exact_match", ["CopyInput", "NearestNeighbour"]),
]


@pytest.mark.parametrize(("data", "metric", "names"), CHOICES)
def test_baselines_that_suit_the_problem(data: Given, metric: str, names: list[str]) -> None:
    model = {"generation": bl.NGram(order=2), "seq2seq": bl.CopyInput()}.get(data.problem, bl.MostFrequentTag())
    if data.problem in ("prediction", "classification"):
        model = bl.Mean() if metric == "mse" else bl.Popularity() if metric == "hit_rate" else bl.MostFrequent()
    found = quiet(model, None, data)
    assert found.metric == metric and len(found.rows) == len(names) + 1
    theirs = [name for name in found.models if name != found.model]
    assert [name.removesuffix(" 2") for name in theirs] == names
    assert data.asked == [(0.2, "time" if data.problem in ("prediction", "generation") else "chance", 0)]


def test_generation() -> None:
    text = "".join(RANDOM.choice(list("ab"), 3000)) + "abc" * 2000
    mixed = "".join(text[at : at + 3] for at in RANDOM.permutation(np.arange(0, 9000, 3)))
    found = quiet(bl.NGram(order=4), [bl.Popularity()], ((mixed[:6000], None), (mixed[6000:], None)))
    direct = bl.NGram(order=4).fit(mixed[:6000]).nats(mixed[6000:])
    assert found.worth_it and found.rows[0].score == pytest.approx(direct)
    bits = quiet(bl.NGram(order=4), [bl.Popularity()], ((mixed[:6000], None), (mixed[6000:], None)), metric="bits")
    assert bits.gain == pytest.approx(found.gain / math.log(2))
    with pytest.raises(ValueError, match="metric must be 'nats', 'bits' or 'perplexity' for generation, got 'mse'"):
        quiet(bl.NGram(), None, Given("ab" * 100, None, "generation"), metric="mse")


def test_probabilities_and_rankings() -> None:
    data = Given(WORDS, LABELS, "classification")
    for metric in ("log_loss", "auc"):
        found = quiet(bl.NaiveBayes(), [bl.MostFrequent()], data, metric=metric)
        assert found.worth_it, metric
    items = Given([["a"], ["b"]] * 100, ["b", "a"] * 100, "prediction")
    first = quiet(bl.MarkovChain(), [bl.Popularity()], items, metric="mrr")
    assert first.worth_it and first.rows[0].score == 1.0
    nats = quiet(bl.MarkovChain(), [bl.Popularity()], items, metric="nats")
    assert nats.worth_it and 0 < nats.rows[0].score < nats.rows[1].score
    new = quiet(bl.MarkovChain(), [bl.Popularity()], ((["a"], ["b"]), (["a"] * 3, ["b", "b", "new"])), metric="nats")
    assert new.rows[0].score == math.inf and new.interval is None and not new.worth_it
    with pytest.raises(ValueError, match="needs a predicted spread"):
        quiet(Model(), [bl.Mean()], Given(X, Y, "prediction"), metric="crps")


def test_spans_of_both_schemes() -> None:
    tags = [["B-A", "E-A", "O"]] * 30
    found = quiet(bl.MostFrequentTag(), [bl.MostFrequentTag()], Given([list("abc")] * 30, tags, "tagging", "span_f1"))
    assert found.rows[0].score == 1.0


def test_the_same_each_time() -> None:
    data = Given(X, Y, "prediction", "mse")
    first, second = (quiet(Model(0.5), [bl.WindowMLP(epochs=3)], data).to_dict() for _ in range(2))
    for each in (first, second):
        for row in each["rows"]:
            assert row.pop("fit_seconds") >= 0 and row.pop("predict_seconds") >= 0
    assert first == second and json.loads(json.dumps(first)) == first
    assert set(first) == set("metric greater_is_better model rival worth_it gain interval optimum rows verdict".split())


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    rl.compare(Model(0.1), bl.Mean(), Given(X, Y, "prediction", "mse", 0.0))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["mse", "fit", "s", "predict", "s", "from", "optimum"]
    assert lines[1].split()[:2] == ["Model", "0.01"] and lines[2].startswith("Mean ") and len(lines) == 4
    assert len({len(line) for line in lines[:3]}) == 1, "columns stand below one another"


def test_few_samples() -> None:
    found = quiet(Model(), [bl.Mean()], ((X[:9], Y[:9]), (X[9:10], Y[9:10])))
    assert found.interval is None and not found.worth_it and "too few test samples" in found.verdict


def test_a_share_and_a_test_part() -> None:
    data = Given(X, Y, "prediction", "mse")
    assert quiet(Model(), [bl.Mean()], data, test=0.5, seed=3).models["Model"].seen_ == 200
    assert data.asked == [(0.5, "time", 3)]
    assert quiet(Model(), [bl.Mean()], data, test=(X[:5], Y[:5])).models["Model"].seen_ == 400
    assert quiet(Model(), [bl.Mean()], (X[:50], Y[:50]), test=(X[:5], Y[:5])).models["Model"].seen_ == 50


PAIR = ((X, Y), (X, Y))
ERRORS: list[tuple[Any, Any, Any, dict[str, Any], str]] = [
    (Model(), None, None, {}, r"data must be a Dataset or a pair \(train, test\), got None"),
    (Model(), None, 3, {}, "data must be a Dataset or a pair"),
    (Model(), None, (X, Y), {}, r"train must be a Dataset or a pair \(X, y\); give data=\(\(X, y\), \(X_test"),
    (Model(), None, ((X, Y[:3]), (X, Y)), {}, "train has 400 samples in X and 3 in y"),
    (Model(), None, ((X, Y), (X[:0], Y[:0])), {}, "test must hold at least one sample"),
    (Model(), None, Given(X, Y, "guessing"), {}, "data.problem must be one of prediction, .*, got 'guessing'"),
    (Model(), [], PAIR, {}, "baselines must hold at least one, got none"),
    (Model(), ["Mean"], PAIR, {}, "a contestant must be an estimator with fit and predict, got 'Mean'"),
    (Model, [bl.Mean()], PAIR, {}, "a contestant must be an estimator"),
    (Model(), [bl.Mean("y")], PAIR, {}, r"Mean\(of='y'\): of must be 'targets' or 'series', got 'y'"),
    (Model(), [bl.Mean()], PAIR, {"metric": "msee"}, "name must be one of"),
    (
        Model(),
        [bl.Mean()],
        PAIR,
        {"metric": "log_loss"},
        "Model: Model has no predict_proba, which metric='log_loss' needs",
    ),
    (Model(), [bl.Mean()], PAIR, {"seed": -1}, "seed must be in"),
    (Model(math.nan), [bl.Mean()], PAIR, {}, "Model: y_pred must be finite, got nan"),
]


@pytest.mark.parametrize(("model", "baselines", "data", "more", "message"), ERRORS)
def test_errors_are_sentences(model: Any, baselines: Any, data: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        quiet(model, baselines, data, **more)


@dataclass
class TellsApart:
    """A generator as compare sees one: it knows some tokens, and says for each how likely it is among all."""

    unit: str = "character"
    size: int | None = None
    lists: bool = False

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"unit": self.unit, "size": self.size, "lists": self.lists}

    def fit(self, X: Any) -> TellsApart:
        specials = ("<s>", "</s>") if self.lists else ()
        self.whole_ = not self.lists
        self.vocabulary_ = rl.datasets.Vocabulary.of(
            X, unit=self.unit, most=self.size, specials=specials, unknown="<unknown>"
        )
        self.counted_: list[int] = []
        return self

    def predict(self, X: Any) -> Any:
        raise NotImplementedError

    def nats(self, X: Any) -> float:
        rows = [X] if self.whole_ else X
        assert all(len(self.vocabulary_.cut(row)) > 1 for row in rows)
        self.counted_.append(sum(len(self.vocabulary_.cut(row)) + (-1 if self.whole_ else 1) for row in rows))
        return math.log(2)


SPOKEN = " ".join(RANDOM.choice(["das", "ist", "äußerst", "gut", "so"], 2000))


@pytest.mark.parametrize("unit", ["character", "word", "byte"])
def test_baselines_of_a_text_count_the_tokens_of_the_model(unit: str) -> None:
    data = ((SPOKEN[:6000], None), (SPOKEN[6000:], None))
    found = quiet(TellsApart(unit), None, data)
    name = "NGram" if unit == "character" else f"NGram(unit={unit!r})"
    ngram = next(row.score for row in found.rows if row.name == name)
    vocabulary = found.models[found.model].vocabulary_
    train, test = ([vocabulary.cut(part[0])] for part in data)
    assert ngram == pytest.approx(bl.NGram().fit(train).nats_after_first(test))
    plain = bl.NGram(unit=unit).fit(data[0][0])
    assert ngram == pytest.approx(plain.nats(data[1][0]), rel=0.02)
    sizes = found.models[found.model].counted_
    assert sizes[0] == len(test[0]) - 1 and sum(sizes[1:]) == pytest.approx(len(test[0]), rel=0.05)


def test_a_rest_of_one_character_is_no_piece() -> None:
    found = quiet(TellsApart(), None, ((SPOKEN[:600], None), (SPOKEN[600:1001], None)))
    assert found.models[found.model].counted_ == [400, 199, 200]


def test_the_unit_of_data_counts_where_the_model_has_none() -> None:
    class Mute(TellsApart):
        unit = None  # type: ignore[assignment]

        def fit(self, X: Any) -> Any:
            self.seen_ = len(X)
            return self

        def nats(self, X: Any) -> float:
            return 1.0

    given = Given(SPOKEN, None, "generation", details={"unit": "word"})
    assert "NGram(unit='word')" in quiet(Mute(None), None, given).models  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NGram: it counts characters and the model words, .* give unit='word'"):
        quiet(bl.NGram(unit="word"), [bl.NGram()], given)


def test_tokens_that_a_model_does_not_know_help_it_not() -> None:
    """One that knows only <unknown> has an easy task, and the baselines have the same one."""
    data = ((SPOKEN[:6000], None), (SPOKEN[6000:], None))
    found = quiet(TellsApart(size=1), [bl.NGram(), bl.NGram(order=2)], data)
    easy = next(row.score for row in found.rows if row.name == "NGram")
    full = bl.NGram().fit(data[0][0]).nats(data[1][0])
    assert len(found.models["NGram"].items_) == 2 and "<unknown>" in found.models["NGram"].items_
    assert easy < 0.9 * full
    with pytest.raises(ValueError, match="tells other tokens apart than"):
        quiet(TellsApart(size=1), [TellsApart(size=3)], data)
    with pytest.raises(ValueError, match="fitted to other tokens than the model's; give it unfitted"):
        quiet(TellsApart(size=1), [bl.NGram().fit(data[0][0])], data)
    fitted = bl.NGram().fit(data[0][0])
    assert quiet(TellsApart(), [fitted], data).models["NGram"] is fitted


def test_sequences_of_a_list_end_for_all() -> None:
    rows = [["a", "b"], ["a", "b", "b"]] * 50
    found = quiet(TellsApart(lists=True), None, Given(rows, None, "generation"))
    assert found.models[found.model].counted_[0] == 20 * 3 + 10
    assert "</s>" in found.models["NGram"].items_


class Forecasts:
    """A forecaster as compare sees one: it knows the series but for an error, from any origin."""

    def __init__(self, error: float = 0.0, horizon: int = 3, target: Any = None) -> None:
        self.error, self.horizon, self.target = error, horizon, target

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"error": self.error, "horizon": self.horizon, "target": self.target}

    def fit(self, series: Any) -> Forecasts:
        self.seen_ = len(series)
        return self

    def predict(self, horizon: int) -> Any:
        raise NotImplementedError

    def backtest(self, series: Any, *, start: int, stride: int = 1) -> Any:
        at = np.arange(start, len(series) - self.horizon + 1, stride)
        found = series[at[:, None] + np.arange(self.horizon)] + self.error
        return type("Found", (), {"forecasts": found if self.target is None else found[..., self.target]})


def test_a_forecaster_on_a_series() -> None:
    data = rl.datasets.prediction.sine(500, noise=0.1)
    found = quiet(Forecasts(0.2), None, data)
    assert found.metric == "mse" and found.optimum is None, "the optimum is that of one step ahead"
    assert set(found.models) == {found.model, "LastValue", "SeasonalNaive(period=25)", "Drift", "LinearAutoregression"}
    scores = {row.name: row.score for row in found.rows}
    x = data.x
    at = np.arange(400, 498)[:, None] + np.arange(3)
    assert scores[found.model] == pytest.approx(0.04) and found.models[found.model].seen_ == 400
    assert scores["LastValue"] == pytest.approx(np.mean((x[at] - x[399:497, None]) ** 2), rel=1e-5)
    assert scores["SeasonalNaive(period=25)"] == pytest.approx(np.mean((x[at] - x[at - 25]) ** 2), rel=1e-5)
    slope = (x[399:497] - x[0]) / np.arange(399, 497)
    drift = x[399:497, None] + slope[:, None] * np.arange(1, 4)
    assert scores["Drift"] == pytest.approx(np.mean((x[at] - drift) ** 2), rel=1e-5)
    assert quiet(Forecasts(0.0), None, data).worth_it and found.interval is not None
    assert quiet(Forecasts(0.0, horizon=1), None, data).optimum == pytest.approx(0.01)
    pair = ((x[:400], None), (x[400:], None))
    assert quiet(Forecasts(0.2), [bl.LastValue(), Forecasts(0.3)], pair).gain == pytest.approx(0.05)


@pytest.mark.parametrize(("target", "columns"), [(None, [0, 1]), (1, [1]), ([1], [1])])
def test_columns_of_a_series(target: Any, columns: list[int]) -> None:
    series = RANDOM.normal(size=(2300, 2)) * [1, 5]
    found = quiet(Forecasts(0.0, 2, target), [bl.LastValue()], ((series[:100], None), (series[100:], None)))
    at = np.arange(100, 2299, 3)  # thinned out to at most a thousand
    error = series[at[:, None] + np.arange(2)][..., columns] - series[at - 1][:, None, columns]
    assert found.rows[1].score == pytest.approx(np.mean(error**2)) and found.worth_it


def test_a_real_forecaster() -> None:
    model = rl.Forecaster(horizon=2, window=10, hidden_size=4, epochs=1, progress=False)
    found = quiet(model, None, rl.datasets.prediction.sine(300))
    assert found.rival == "SeasonalNaive(period=25)" and not found.worth_it and not hasattr(model, "network_")


SINE = rl.datasets.prediction.sine(200)


def test_what_cannot_forecast_a_series_says_what_to_do() -> None:
    with pytest.raises(
        ValueError, match=r"SequencePredictor: it does not forecast .*rl\.datasets\.windows\(series, length"
    ):
        quiet(rl.SequencePredictor(), None, SINE)
    with pytest.raises(ValueError, match="a Forecasts is compared on one series without y"):
        quiet(Forecasts(), None, PAIR)
    with pytest.raises(ValueError, match=r"it must have the model's horizon and target: forecasts \[3\], got \[2\]"):
        quiet(Forecasts(), [bl.LastValue(horizon=2)], SINE)
    with pytest.raises(ValueError, match="the test part must have at least the 50 steps"):
        quiet(Forecasts(horizon=50), None, SINE)


@pytest.mark.parametrize("kind", ["counting", "autoregressive"])
def test_numbers_from_sequence_to_sequence(kind: str) -> None:
    data = rl.datasets.seq2seq.multi_step(60, length=6, horizon=2, kind=kind)
    model = rl.Seq2Seq(hidden_size=4, epochs=1, progress=False)
    found = quiet(model, None, data)
    theirs = {"LastValue", "Mean", "LinearAutoregression(lags=6)", "WindowMLP(window=6)"}
    assert set(found.models) == {found.model} | theirs and found.metric == "mse" and found.interval is not None
