"""Estimators as files: what is saved is loaded to the bit, and a file that lies is refused before it costs."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import CASES, ESTIMATORS, Case, complaint, random
from rustlstm.checkpoint import DamagedFileError, load_tensors, save_tensors

pytestmark = pytest.mark.once

every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
CONTENT = "rustlstm.content"


@every
def test_what_is_saved_is_loaded(case: Case, tmp_path: Path) -> None:
    model = case.fitted(seed=np.int64(5))
    expected = case.outputs(model)
    model.save(tmp_path / "one")
    rl.save(model, str(tmp_path / "two"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    for loaded in (case.cls.load(tmp_path / "one"), rl.load(tmp_path / "one")):
        assert type(loaded) is case.cls
        assert case.outputs(loaded) == expected
        assert loaded.get_params() == model.get_params()
        assert loaded.history_.rows == model.history_.rows
        learned = {name for name in vars(model) if name.endswith("_")}
        assert learned == {name for name in vars(loaded) if name.endswith("_")}
        for name in learned & {"classes_", "items_", "class_weights_"}:
            one, other = np.asarray(getattr(model, name)), np.asarray(getattr(loaded, name))
            assert one.dtype == other.dtype and one.tolist() == other.tolist()
        if hasattr(model.inputs_, "vocabulary"):
            assert loaded.inputs_.vocabulary == model.inputs_.vocabulary
        again = loaded.set_params(warm_start=True).fit(case.X, case.y)
        assert again is loaded and case.outputs(loaded) != expected, "it can go on learning"


@every
def test_another_class(case: Case, tmp_path: Path) -> None:
    case.fitted().save(tmp_path / "m")
    for cls in ESTIMATORS:
        if cls is not case.cls:
            words = f"m holds a {case.cls.__name__}, not a {cls.__name__}"
            assert complaint(lambda cls=cls: cls.load(tmp_path / "m"), ValueError, words) is None


def test_what_holds_no_estimator(tmp_path: Path) -> None:
    rl.save(rl.nn.LSTM(2, 3), tmp_path / "m")
    with pytest.raises(ValueError, match="holds a LSTM, not a SequenceClassifier"):
        rl.SequenceClassifier.load(tmp_path / "m")
    with pytest.raises(FileNotFoundError):
        rl.SequenceClassifier.load(tmp_path / "nothing")
    model = CASES["points"].fitted()
    with pytest.raises(TypeError, match="into must be a Module, got SequencePredictor; an estimator is loaded without"):
        rl.load(tmp_path / "m", into=model)


@pytest.mark.parametrize(
    "labels",
    [[3, -7], [0.0, 2.0], [True, False], ["ä", ""], np.array([200, 7], np.uint8), np.array(["b", "a"], object)],
    ids=repr,
)
def test_labels_come_back_as_they_were(labels: Any, tmp_path: Path) -> None:
    case = CASES["classifier of numbers"]
    model = case.make(class_weight={labels[0]: 2.0}).fit(case.X, np.array(labels)[np.arange(20) % 2])
    model.save(tmp_path / "m")
    loaded = rl.load(tmp_path / "m")
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.classes_.tolist() == model.classes_.tolist() == sorted(labels)
    assert loaded.class_weight == model.class_weight


@pytest.mark.parametrize("items", [[3, 7], ["a", "b"], ["a", 7], [("a", 1), ("b", 2)], [1.5, 2.5]], ids=repr)
def test_items_come_back_as_they_were(items: Any, tmp_path: Path) -> None:
    model = CASES["items"].make(output="item").fit(CASES["items"].X, items * 10)
    model.save(tmp_path / "m")
    loaded = rl.load(tmp_path / "m")
    assert sorted(loaded.items_.tolist(), key=str) == sorted(items, key=str)
    assert loaded.items_.shape == (2,) and loaded.items_.dtype == model.items_.dtype
    assert set(loaded.predict(CASES["items"].X).tolist()) <= set(items)


def test_what_no_file_can_hold_is_not_saved(tmp_path: Path) -> None:
    model = CASES["points"].fitted()
    for wrong, words in (({"lstm": rl.nn.LSTM(2, 3)}, "a file cannot hold a LSTM"), ({"seed": object()}, "a object")):
        before = model.get_params()
        model.set_params(**wrong)
        with pytest.raises(TypeError, match=words):
            model.save(tmp_path / "m")
        model.set_params(**before)
    model.network_ = rl.nn.Sequential(rl.ops.relu)
    with pytest.raises(TypeError, match="the estimator cannot be saved: function is not a class of rustlstm"):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


# --- files that lie


def changed(path: Path, change: Any) -> Path:
    """Write a copy of a file whose description of the estimator is changed."""
    tensors, metadata = load_tensors(path)
    content = json.loads(metadata[CONTENT])
    change(content["estimator"])
    other = path.with_name("other")
    save_tensors(other, tensors, {**metadata, CONTENT: json.dumps(content)})
    return other


def put(*way: Any) -> Any:
    """Return a change: the last of the way is put where the others lead."""
    *first, last, value = way

    def change(content: Any) -> None:
        for step in first:
            content = content[step]
        if value is put:
            del content[last]
        else:
            content[last] = value

    return change


def made(name: str, **arguments: Any) -> Any:
    return {"is": "made", "of": {"class": name, "arguments": arguments}}


HUGE = 10**9
SOUND = CASES["classifier of tokens"]
# For each crafted file, what is put where in the description of a classifier, and what the error says.
LIES: dict[str, tuple[Any, str]] = {
    "no class": (put("class", put), "'class'"),
    "a class of numbers": (put("class", 7), "class"),
    "a class that is none": (put("class", "os.system"), "os.system is not a class of rustlstm"),
    "a class of Python": (put("class", "eval"), "eval is not a class of rustlstm"),
    "a layer": (put("class", "Relu"), "'Relu' is no estimator"),
    "settings": (put("class", "Cell"), "'Cell' is no estimator"),
    "no options": (put("options", put), "options"),
    "options of a list": (put("options", []), ""),
    "an option that is none": (put("options", "of", 0, ["__class__", 1]), "has no option '__class__'"),
    "an option with no name": (put("options", "of", 0, [[], 1]), ""),
    "an option that is a triple": (put("options", "of", 0, [1, 2, 3]), "unpack"),
    "a huge layer": (
        put("options", "of", 0, ["lstm", made("LSTM", input_size=HUGE, hidden_size=HUGE)]),
        "an option cannot be a 'LSTM'",
    ),
    "a huge layer in settings": (
        put("options", "of", 0, ["lstm", made("Cell", clip={"class": "Linear", "arguments": {"in_features": HUGE}})]),
        "an option cannot be a 'Linear'",
    ),
    "an estimator in it": (put("options", "of", 0, ["lstm", made("SequenceTagger")]), "an option cannot be"),
    "wrong settings": (put("options", "of", 0, ["lstm", made("Cell", clip=-1.0)]), "clip must be above 0"),
    "a kind that is none": (
        put("options", "of", 0, ["lstm", {"is": "pickle", "of": "x"}]),
        "the file holds a 'pickle'",
    ),
    "a kind that is a list": (put("options", "of", 0, ["lstm", {"is": [], "of": "x"}]), "the file holds a []"),
    "nothing learned": (put("learned", {}), "history_ is missing"),
    "learned of a list": (put("learned", []), ""),
    "no classes": (put("learned", "classes_", put), "classes_ is missing"),
    "classes of a number": (put("learned", "classes_", 3), "classes_ is missing, or of another kind"),
    "a class too many": (put("learned", "classes_", {"is": "labels", "of": [1, 2, 3, 4]}), "must have 4 outputs"),
    "a class too few": (put("learned", "classes_", {"is": "labels", "of": [1, 2]}), "must have 2 outputs"),
    "a method": (put("learned", "fit", 3), "'fit' is nothing that SequenceClassifier learns"),
    "a private name": (put("learned", "__class__", 3), "'__class__' is nothing"),
    "a private name with an end": (put("learned", "_x_", 3), "'_x_' is nothing"),
    "no history": (put("learned", "history_", {"is": "History", "of": [3]}), ""),
    "no inputs": (put("learned", "inputs_", {"is": "Numbers", "of": {}}), ""),
    "inputs of another kind": (put("learned", "inputs_", {"is": "ItemTargets", "of": 3}), ""),
    "no vocabulary": (put("learned", "inputs_", "of", "of", 0, ["vocabulary", {"is": "dict", "of": []}]), "tokens"),
    "a negative longest": (put("learned", "inputs_", "of", "of", 1, ["longest", -3]), "longest must be at least 1"),
    "two equal tokens": (
        put("learned", "inputs_", "of", "of", 0, 1, "of", 2, ["tokens", ["<unknown>", "a", "a"]]),
        "'a' is there twice",
    ),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "m"
    SOUND.fitted().save(path)
    return path


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found(lie: str, sound: Path) -> None:
    change, words = LIES[lie]
    assert complaint(lambda: rl.load(changed(sound, change)), DamagedFileError, words) is None


def test_an_unchanged_copy_is_sound(sound: Path) -> None:
    loaded = rl.load(changed(sound, lambda content: None))
    assert SOUND.outputs(loaded) == SOUND.outputs(rl.load(sound))


def test_other_learned_things(tmp_path: Path) -> None:
    """The same for scalers and targets, which the classifier of tokens does not have."""
    CASES["quantiles"].fitted().save(tmp_path / "m")
    inputs, target = ("learned", "inputs_", "of", "of"), ("learned", "target_", "of", "of")
    names: dict[str, list[str]] = {}
    changed(tmp_path / "m", lambda content: names.update(i=_names(content, inputs), t=_names(content, target)))

    def in_inputs(name: str, value: Any) -> Any:
        return put(*inputs, names["i"].index(name), [name, value])

    def in_target(name: str, value: Any) -> Any:
        return put(*target, names["t"].index(name), [name, value])

    lies = [
        (in_inputs("channels", 0), "channels must be at least 1"),
        (in_inputs("channels", HUGE), f"the scaler must have {HUGE} channels"),
        (in_inputs("channels", "two"), "channels must be an integer"),
        (in_target("output", "item"), "output must be"),
        (in_target("loss", "__class__"), "loss must be"),
        (in_target("quantiles", ["a"]), "float"),
        (in_target("quantiles", [0.5]), "the network must have 2 outputs"),
        (in_target("shape", {"is": "tuple", "of": [HUGE]}), f"the network must have {3 * HUGE} outputs"),
        (in_target("shape", [-1]), "shape must be at least 1"),
        (in_target("channel", -1), "channel must be at least 0"),
    ]
    wrong = [complaint(lambda c=c: rl.load(changed(tmp_path / "m", c)), DamagedFileError, words) for c, words in lies]
    assert wrong == [None] * len(lies)


def _names(content: Any, way: tuple[str, ...]) -> list[str]:
    for step in way:
        content = content[step]
    return [name for name, _ in content]


def test_a_file_takes_no_more_memory_than_it_has(sound: Path, tmp_path: Path) -> None:
    """One long string among many short ones would make an array of strings of as many long ones."""
    labels = ["x" * 40_000, *map(str, range(5_000))]
    vocabulary = {"unit": "item", "unknown": None, "tokens": labels}
    CASES["items"].fitted().save(tmp_path / "m")
    tokens = {"is": "dict", "of": [["vocabulary", {"is": "dict", "of": [[k, v] for k, v in vocabulary.items()]}]]}
    lies = [
        (sound, put("learned", "classes_", {"is": "labels", "of": labels})),
        (tmp_path / "m", put("learned", "target_", {"is": "ItemTargets", "of": tokens})),
    ]
    for path, change in lies:
        other = changed(path, change)
        tracemalloc.start()
        with pytest.raises(DamagedFileError, match=f"the network must have {len(labels)} outputs"):
            rl.load(other)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 50e6


def damaged(data: bytes, tries: int) -> Iterator[bytes]:
    """Yield copies with a byte changed, a part left out or a part twice."""
    rng = random(3)
    begin = data.index(b'estimator\\"')
    end = data.index(b"}}}", begin) + 3 if b"}}}" in data[begin:] else len(data)
    for _ in range(tries):
        at = int(rng.integers(begin, end))
        yield data[:at] + bytes([int(rng.integers(256))]) + data[at + 1 :]


@every
def test_chance_damage_is_an_error_or_a_model(case: Case, tmp_path: Path) -> None:
    """Whatever changes within the description, there is an error that says so, or an estimator of the same form."""
    case.fitted().save(tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    refused = 0
    for one in damaged(data, 60):
        (tmp_path / "other").write_bytes(one)
        try:
            loaded = rl.load(tmp_path / "other")
        except ValueError as error:  # a DamagedFileError is one
            refused += 1
            assert str(tmp_path) in str(error)
        else:
            assert type(loaded) in ESTIMATORS
    assert refused >= 10
