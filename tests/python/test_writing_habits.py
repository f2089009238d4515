"""Habits that the models which write sequences share with all estimators."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import OTHERS, random
from rustlstm.training import Callback, EarlyStopping

pytestmark = pytest.mark.once

Generator, Seq2Seq = rl.SequenceGenerator, rl.Seq2Seq
every = pytest.mark.parametrize("cls", [Generator, Seq2Seq])
OWN: dict[str, Any] = {
    "steps": 5,
    "tied": True,
    "vocabulary_size": 9,
    "attention": False,
    "bidirectional": False,
    "beam_width": 3,
    "length_penalty": 0.5,
}
# There is nothing in it to learn but by heart, so that the validation soon gets worse.
TEXT = " ".join("".join(random(at).choice(list("abcde"), 4)) for at in range(100))
QUICK: dict[str, Any] = {"hidden_size": 4, "epochs": 2, "batch_size": 8, "progress": False}


def others(cls: Any) -> dict[str, Any]:
    """Return another value than the default for each option."""
    return {one.name: {**OTHERS, **OWN}[one.name] for one in fields(cls)}


def fit(cls: Any, callbacks: Any = (), **options: Any) -> Any:
    model = cls(**{**QUICK, **options})
    words = TEXT.split()
    return model.fit(*([TEXT] if cls is Generator else [words, words[::-1]]), callbacks=callbacks)


def answers(model: Any) -> Any:
    return model.sample("", 40) if isinstance(model, Generator) else model.predict(TEXT.split()[:6])


@every
def test_options_go_in_and_out(cls: Any) -> None:
    options = others(cls)
    assert all(getattr(cls, name) != value for name, value in options.items())
    model = cls(**options)
    assert model.get_params() == options == cls().set_params(**options).get_params()
    assert repr(cls()) == f"{cls.__name__}()"
    assert eval(repr(model), {cls.__name__: cls}).get_params() == options
    with pytest.raises(ValueError, match=f"{cls.__name__} has no option 'hiddensize'"):
        model.set_params(hiddensize=3)
    assert cls(hidden_size="many").hidden_size == "many", "values are looked at in fit"


@every
def test_docstrings_name_each_option_and_its_default(cls: Any) -> None:
    entries = re.findall(r"^    (\w+): ((?:.*\n)(?:     .*\n)*)", cls.__doc__, re.MULTILINE)
    assert sorted(name for name, _ in entries) == sorted(one.name for one in fields(cls))
    for name, said in entries:
        assert said.endswith(f" Default: ``{getattr(cls, name)!r}``.\n") and len(said) > 40, said
    learned = {name for name in vars(fit(cls)) if name.endswith("_")}
    after = cls.__doc__[cls.__doc__.index("After ``fit``") : cls.__doc__.index(">>>")]
    assert set(re.findall(r"``(\w+_)``", after)) == learned
    assert learned == {*cls._learns, "network_"}


@every
def test_fit_is_silent_and_is_the_same_again(cls: Any, capfd: pytest.CaptureFixture[str]) -> None:
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    model, again, other = fit(cls, seed=3), fit(cls, seed=3), fit(cls, seed=4)
    assert capfd.readouterr() == ("", "")
    assert answers(model) == answers(again) and model.history_["loss"] == again.history_["loss"]
    assert model.history_["loss"] != other.history_["loss"]
    assert model.history_["epoch"] == [1, 2] and np.isfinite(model.history_["val_loss"]).all()
    assert np.random.get_state()[1].tolist() == state, "numpy's global generator is not drawn from"  # noqa: NPY002
    model.summary()
    assert "total" in capfd.readouterr().out


@every
def test_the_best_epoch_is_kept_and_patience_stops(cls: Any) -> None:
    jumpy: dict[str, Any] = {"learning_rate": 0.05, "schedule": "constant", "hidden_size": 16}
    jumpy["batch_size"] = 2 if cls is Generator else 16
    model = fit(cls, epochs=20, **jumpy)
    best = int(np.argmin(model.history_["val_loss"]))
    assert best < 19, "nothing would be chosen"
    assert answers(fit(cls, epochs=best + 1, **jumpy)) == answers(model)
    patient = fit(cls, epochs=100, patience=2, **jumpy)
    losses = patient.history_["val_loss"]
    assert len(losses) < 100 and int(np.argmin(losses)) == len(losses) - 3
    assert len(fit(cls, [EarlyStopping(patience=1)], epochs=100, **jumpy).history_.rows) <= len(losses)
    with pytest.raises(ValueError, match="patience waits for a better validation loss"):
        fit(cls, patience=2, validation=0)


@every
def test_ctrl_c_leaves_a_usable_model(cls: Any) -> None:
    class Stop(Callback):
        def on_step(self, trainer: Any) -> None:
            raise KeyboardInterrupt

    model = cls(**QUICK)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*([TEXT] if cls is Generator else [TEXT.split()] * 2), callbacks=[Stop()])
    assert answers(model) == answers(model)
