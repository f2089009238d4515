"""Habits that all estimators have: scikit-learn's, and those of a training that can be seen, left and repeated."""

from __future__ import annotations

import copy
import io
import pickle
import re
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import CASES, ESTIMATORS, SOMETIMES, Case, others
from rustlstm.training import Callback, EarlyStopping, History

pytestmark = pytest.mark.once

every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_class = pytest.mark.parametrize("cls", ESTIMATORS)
# --- options


@every_class
def test_options_go_in_and_out(cls: Any) -> None:
    options = others(cls)
    model = cls(**options)
    assert model.get_params() == options and set(options) == {one.name for one in fields(cls)}
    assert all(model.get_params()[name] is value for name, value in options.items())
    assert cls().set_params(**options).get_params() == options
    default = cls().get_params()
    assert all(default[name] != value for name, value in options.items())


@every_class
def test_an_unknown_option_names_itself(cls: Any) -> None:
    model = cls()
    with pytest.raises(
        ValueError, match=f"{cls.__name__} has no option 'hiddensize'; it has batch_size, .*hidden_size"
    ):
        model.set_params(seed=5, hiddensize=3)
    assert model.seed == 0, "nothing is set where something is wrong"
    with pytest.raises(TypeError, match="hiddensize"):
        cls(hiddensize=3)
    with pytest.raises(TypeError, match="positional"):
        cls(3)


@every_class
def test_repr_shows_what_is_not_a_default(cls: Any) -> None:
    assert repr(cls()) == f"{cls.__name__}()"
    assert repr(cls(seed=3, hidden_size=[4, 5])) == f"{cls.__name__}(hidden_size=[4, 5], seed=3)"
    made = eval(repr(cls(**others(cls))), {cls.__name__: cls})
    assert made.get_params() == others(cls)


@every_class
def test_docstrings_name_each_option_and_its_default(cls: Any) -> None:
    entries = re.findall(r"^    (\w+): ((?:.*\n)(?:     .*\n)*)", cls.__doc__, re.MULTILINE)
    assert sorted(name for name, _ in entries) == sorted(one.name for one in fields(cls))
    for name, said in entries:
        assert said.endswith(f" Default: ``{getattr(cls, name)!r}``.\n") and len(said) > 40, said
    assert ">>> " in cls.__doc__


@every_class
def test_the_constructor_looks_at_nothing(cls: Any) -> None:
    """Values are looked at in fit, so that ``clone`` and searches can set them in any order."""
    assert cls(hidden_size="many").hidden_size == "many"


# --- before and after fit


@every
def test_before_fit(case: Case, tmp_path: Any) -> None:
    model = case.make()
    calls = {name: lambda name=name: Case.ask(model, name, case.X) for name in ("predict", *case.methods)}
    calls |= {
        "score": lambda: model.score(case.X, case.y),
        "save": lambda: model.save(tmp_path / "model"),
        "rl.save": lambda: rl.save(model, tmp_path / "model"),
        "summary": model.summary,
        "history_": lambda: model.history_,
        "network_": lambda: model.network_,
        "inputs_": lambda: model.inputs_,
        "classes_": lambda: model.classes_,
    }
    for name, call in calls.items():
        with pytest.raises(rl.models.NotFittedError, match="call fit"):
            call()
        assert not hasattr(model, "history_"), name
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(AttributeError, match="no attribute 'predictt'"):
        model.predictt  # noqa: B018


@every
def test_fit(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    model = case.make()
    before = model.get_params()
    assert model.fit(case.X, case.y) is model
    assert capfd.readouterr() == ("", ""), "progress=False is silent"
    assert model.get_params() == before and not model.network_.training
    assert isinstance(model.history_, History) and model.history_["epoch"] == [1, 2]
    for row in model.history_.rows:
        assert np.isfinite([row["loss"], row["val_loss"]]).all()
    model.summary()
    assert "LSTM" in capfd.readouterr().out
    assert isinstance(model.score(case.X, case.y), float)
    for found in case.outputs(model):
        assert len(found) == len(case.X)


def test_progress_shows(capfd: pytest.CaptureFixture[str]) -> None:
    CASES["points"].make(progress=True).fit(CASES["points"].X, CASES["points"].y, callbacks=[rl.training.Progress()])
    assert "2" in "".join(capfd.readouterr())


@every
def test_methods_of_other_models_say_so(case: Case) -> None:
    model = case.fitted()
    for name in set(SOMETIMES) - set(case.methods):
        if hasattr(type(model), name):
            with pytest.raises(ValueError, match="the model has|this model has"):
                Case.ask(model, name, case.X)


# --- the same, and the same again


@every
def test_same_seed_same_bits(case: Case) -> None:
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    first, again, other = case.fitted(seed=3), case.fitted(seed=3), case.fitted(seed=4)
    assert case.outputs(first) == case.outputs(again)
    assert first.history_["loss"] == again.history_["loss"] != other.history_["loss"]
    first.fit(case.X, case.y)
    assert case.outputs(first) == case.outputs(again), "a second fit begins anew"
    parts = [model._held_out(20, 0.3)[1].tolist() for model in (first, again, other)]
    assert parts[0] == parts[1] != parts[2], "which samples validate follows from the seed too"
    assert np.random.get_state()[1].tolist() == state, "numpy's global generator is not drawn from"  # noqa: NPY002


@every
def test_a_prediction_is_the_same_alone_and_in_any_batch(case: Case) -> None:
    model = case.fitted()
    together = case.outputs(model)
    for at in range(7):
        assert case.outputs(model, case.X[at : at + 1]) == [found[at : at + 1] for found in together]
    backwards = case.outputs(model, case.X[::-1] * 8)
    assert backwards == [found[::-1] * 8 for found in together]


@every
def test_copies(case: Case) -> None:
    model = case.fitted()
    buffer = io.BytesIO()
    joblib = pytest.importorskip("joblib")
    joblib.dump(model, buffer)
    buffer.seek(0)
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), joblib.load(buffer), copy.copy(model)]
    expected = case.outputs(model)
    for other in copies:
        assert case.outputs(other) == expected
        assert other.get_params() == model.get_params() and other.history_.rows == model.history_.rows
    copies[0].fit(case.X, case.y)
    assert case.outputs(model) == expected, "a copy is another model"
    pickle.loads(pickle.dumps(case.make()))


@every
def test_warm_start_goes_on(case: Case) -> None:
    model = case.fitted(warm_start=True, schedule="constant", validation=0.3)
    first = model.history_["loss"]
    network = model.network_
    model.fit(case.X, case.y)
    assert model.network_ is network and model.history_["loss"][0] < first[0]
    anew = case.fitted(schedule="constant", validation=0.3)
    assert anew.history_["loss"] == first


def test_warm_start_keeps_labels_and_vocabulary() -> None:
    case = CASES["classifier of text"]
    model = case.fitted(warm_start=True)
    model.fit(["never seen before"] * 4, ["good", "bad"] * 2)
    assert model.classes_.tolist() == ["bad", "even", "good"]
    with pytest.raises(ValueError, match="y has 'awful', which was never seen in fit; known are 'bad', 'even', 'good'"):
        model.fit(["x"] * 4, ["good", "awful"] * 2)


# --- validation and callbacks


class Seen(Callback):
    """Counts what it is told."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.told: dict[str, int] = {}
        self.stop_at = stop_at

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_") and name != "on_step":
            self.told[name] = self.told.get(name, 0) + 1
        return super().__getattribute__(name)

    def on_step(self, trainer: Any) -> None:
        self.told["on_step"] = self.told.get("on_step", 0) + 1
        if self.told["on_step"] == self.stop_at:
            raise KeyboardInterrupt


@every
def test_callbacks_are_called(case: Case) -> None:
    seen = Seen()
    case.make().fit(case.X, case.y, callbacks=[seen])
    assert seen.told["on_epoch_end"] == 2 and seen.told["on_fit_end"] == 1 and seen.told["on_step"] >= 4


@every
def test_ctrl_c_leaves_a_usable_model(case: Case, tmp_path: Any) -> None:
    for step in (1, 3):
        model = case.make(epochs=100)
        with pytest.raises(KeyboardInterrupt):
            model.fit(case.X, case.y, callbacks=[Seen(stop_at=step)])
        assert not model.network_.training
        expected = case.outputs(model)
        assert case.outputs(model) == expected
        model.save(tmp_path / "model")
        assert case.outputs(rl.load(tmp_path / "model")) == expected
        assert len(model.history_.rows) <= 1


@every
def test_validation(case: Case) -> None:
    none = case.fitted(validation=0)
    assert "val_loss" not in none.history_
    given = case.make().fit(case.X, case.y, validation=(case.X, case.y))
    assert given.history_["loss"] == none.history_["loss"], "all of X is trained on"
    assert len(given.history_["val_loss"]) == 2
    data = rl.datasets.Dataset("d", "classification", "m", case.X, case.y)
    again = case.make().fit(data, validation=data)
    assert case.outputs(again) == case.outputs(given), "a Dataset brings X and y"
    assert again.score(data) == given.score(case.X, case.y)
    assert case.outputs(again, data) == case.outputs(again)
    with pytest.raises(ValueError, match="a Dataset brings its y"):
        case.make().fit(data, [1])


def test_what_validates_is_not_learned_from() -> None:
    texts = [f"word{at}" for at in range(20)]
    model = CASES["classifier of text"].make(validation=0.3).fit(texts, ["a", "b"] * 10)
    train, held = model._held_out(20, 0.3)
    assert set(model.inputs_.vocabulary.tokens) == {"<unknown>", *(texts[at] for at in train)} and len(held) == 6
    rows = np.arange(20.0)[:, None] ** 4
    model = CASES["points"].make(validation=0.3).fit(rows, rows[:, 0])
    assert np.isclose(model.inputs_.scaler.shift[0], rows[train].mean())
    assert np.isclose(model.target_.scaler.shift[0], rows[train].mean())


@every
def test_the_best_epoch_is_kept(case: Case) -> None:
    model = case.make(epochs=8, learning_rate=0.3, schedule="constant", clip_norm=None)
    model.fit(case.X, case.y, validation=(case.X, case.y))
    losses = model.history_["val_loss"]
    short = case.make(epochs=1 + int(np.argmin(losses)), learning_rate=0.3, schedule="constant", clip_norm=None)
    assert case.outputs(short.fit(case.X, case.y, validation=(case.X, case.y))) == case.outputs(model)


def test_patience_stops() -> None:
    case = CASES["points"]
    model = case.make(epochs=200, patience=3, learning_rate=0.1).fit(case.X, case.y)
    losses = model.history_["val_loss"]
    assert len(losses) < 200 and int(np.argmin(losses)) == len(losses) - 4
    own = case.make(epochs=200, learning_rate=0.1).fit(case.X, case.y, callbacks=[EarlyStopping(patience=1)])
    assert len(own.history_.rows) < len(losses)


def test_the_number_of_epochs_follows_from_the_samples() -> None:
    def epochs(samples: int) -> int:
        model = CASES["points"].make(epochs=None, batch_size=2, hidden_size=1, validation=0)
        stop = EarlyStopping("loss", patience=1, min_delta=100.0)
        rows, total = np.zeros((samples, 1)), {}

        class Look(Callback):
            def on_fit_start(self, trainer: Any) -> None:
                total["lr"] = trainer.schedule

        model.fit(rows, np.arange(samples), callbacks=[stop, Look()])
        return int(total["lr"].steps) // -(-samples // 2)

    assert [epochs(2), epochs(100), epochs(1000)] == [200, 40, 10]


@every
def test_a_fit_that_fails_leaves_what_was_there(case: Case) -> None:
    model = case.fitted()
    before, expected = dict(vars(model)), case.outputs(model)
    for wrong in ({"y": [None] * len(case.X)}, {"y": case.y, "validation": 3}, {"y": [object()]}):
        with pytest.raises((ValueError, TypeError)):
            model.fit(case.X[::-1], **wrong)
        assert vars(model) == before
    assert case.outputs(model) == expected
    model = case.make()
    with pytest.raises((ValueError, TypeError)):
        model.fit(case.X, [object()] * len(case.X))
    assert set(vars(model)) == set(model.get_params()), "nor is anything learned"


# --- fits that are left or refused


class Leave(rl.training.Callback):
    """Stop as Ctrl-C does, at the end of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, trainer: rl.Trainer) -> None:
        if trainer.epoch == self.epoch:
            raise KeyboardInterrupt


def test_a_fit_that_is_left_keeps_its_best_epoch() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 5)), rng.integers(2, size=60)  # nothing to learn, so late epochs are worse
    held = rng.standard_normal((60, 5)), rng.integers(2, size=60)
    model = rl.SequenceClassifier(hidden_size=16, epochs=40, schedule="constant", learning_rate=0.02)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y, validation=held, callbacks=[Leave(30)])
    losses = model.history_["val_loss"]
    assert losses[-1] > 1.2 * min(losses)
    found = -np.log(model.predict_proba(held[0])[np.arange(60), held[1]]).mean()
    assert found == pytest.approx(min(losses), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "arguments", "words"),
    [
        ({"patience": 3, "validation": 0}, {}, "patience waits"),
        ({}, {"callbacks": [object()]}, "callbacks must be"),
    ],
)
def test_a_refused_fit_changes_nothing(options: dict[str, Any], arguments: dict[str, Any], words: str) -> None:
    X, y = [[1.0, 2.0], [2.0, 1.0]] * 10, [0, 1] * 10
    fresh = rl.SequenceClassifier(hidden_size=4, epochs=2, **options)
    with pytest.raises((ValueError, TypeError), match=words):
        fresh.fit(X, y, **arguments)
    assert not fresh.__sklearn_is_fitted__()
    model = rl.SequenceClassifier(hidden_size=4, epochs=2).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises((ValueError, TypeError), match=words):
        model.set_params(**options).fit(X, y, **arguments)
    assert (model.predict_proba(X) == before).all()


def test_warm_start_goes_on_with_the_same_network_only() -> None:
    X, y = [[1.0, 2.0], [2.0, 1.0]] * 10, [0, 1] * 10
    model = rl.SequenceClassifier(hidden_size=4, epochs=2, warm_start=True).fit(X, y)
    model.set_params(seed=3, learning_rate=0.1).fit(X, y)
    for options in ({"hidden_size": 8}, {"pool": "mean"}, {"dropout": 0.5}, {"lstm": {"layer_norm": True}}):
        with pytest.raises(ValueError, match="warm_start goes on with the network that there is, Sequential"):
            model.set_params(**options).fit(X, y)
        model.set_params(hidden_size=4, pool="last", dropout=0.0, lstm=None)


def test_validation_may_bring_lengths() -> None:
    X, y = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0]] * 10), [0, 1] * 10
    lengths = [2] * 20
    one, other = (
        rl.SequenceClassifier(hidden_size=4, epochs=3).fit(X, y, lengths=lengths, validation=validation)
        for validation in ((X, y, lengths), (list(X[:, :2]), y))
    )
    assert one.history_["val_loss"] == other.history_["val_loss"]


def test_one_series_is_not_taken_for_many() -> None:
    for data in (rl.datasets.prediction.lorenz(200), rl.datasets.prediction.sine(200)):
        with pytest.raises(ValueError, match="is one sequence, and X must be many; a text is for a SequenceGenerator"):
            rl.SequencePredictor().fit(data)
