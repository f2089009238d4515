"""Every form in which sequences and what belongs to them may come: the same numbers, the same predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import CASES, LABELS, STEPS, TOKENS, VALUES, WORDS, Case, plain, random

pytestmark = pytest.mark.once

every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
of_numbers = pytest.mark.parametrize("name", ["classifier of numbers", "tagger of numbers", "points", "next steps"])
CUBE = random(1).normal(size=(20, 6, 3)).astype(np.float32)
FLAT = CUBE[..., 0]


def padded(rows: Any, value: float) -> np.ndarray[Any, Any]:
    """Return rows as one array, something behind their ends."""
    first = np.asarray(rows[0])
    array = np.full((len(rows), max(map(len, rows)), *first.shape[1:]), value)
    for at, row in enumerate(rows):
        array[at, : len(row)] = row
    return array


class Framed:
    """What frames of pandas and polars, and their columns, have."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def __len__(self) -> int:
        return len(self.values)

    def to_numpy(self) -> Any:
        return self.values


FORMS_3D = {
    "lists": lambda x: x.tolist(),
    "a list of arrays": list,
    "a list of lists of arrays": lambda x: [list(row) for row in x],
    "tuples": lambda x: tuple(tuple(map(tuple, row.tolist()) if row.ndim > 1 else row.tolist()) for row in x),
    "float64": lambda x: x.astype(np.float64),
    "Fortran's order": np.asfortranarray,
    "every other of more": lambda x: np.repeat(np.repeat(x, 2, axis=1), 2, axis=0)[::2, ::2],
    "backwards of backwards": lambda x: x[:, ::-1].copy()[:, ::-1],
    "the other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "an array of objects": lambda x: x.astype(object),
    "a list of frames": lambda x: [Framed(row) for row in x],
    "with lengths": None,
}
FORMS_2D = {**FORMS_3D, "a frame": Framed, "one channel": lambda x: x[..., None]}
del FORMS_2D["with lengths"], FORMS_2D["a list of lists of arrays"]


def same_in_all_forms(name: str, X: Any, forms: dict[str, Any]) -> None:
    case = CASES[name]
    y = {"tagger of numbers": (X.reshape(20, 6, -1)[..., 0] > 0).astype(int), "next steps": None}.get(name, case.y)
    model = case.make().fit(X, y)
    expected = [plain(one) for one in model.predict(X)]
    for form, change in forms.items():
        if change is None:
            longer = np.concatenate([X, X], axis=1)
            found = model.predict(longer, lengths=[6] * 20)
            again = case.make().fit(longer, y, lengths=np.full(20, 6)).predict(X)
        else:
            found, again = model.predict(change(X)), case.make().fit(change(X), y).predict(X)
        assert [plain(one) for one in found] == expected, form
        assert np.ravel([plain(one) for one in again]).tolist() == np.ravel(expected).tolist(), form


@of_numbers
def test_forms_of_three_axes(name: str) -> None:
    same_in_all_forms(name, CUBE, FORMS_3D)


@of_numbers
def test_forms_of_two_axes(name: str) -> None:
    same_in_all_forms(name, FLAT, FORMS_2D)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, np.float16, bool])
def test_types_of_numbers(dtype: Any) -> None:
    X = (CUBE > 0).astype(dtype)
    case = CASES["points"]
    expected = case.make().fit(X.astype(np.float64), VALUES)
    assert case.make().fit(X, VALUES).predict(X).tolist() == expected.predict(X.tolist()).tolist()


@every
def test_padded_with_lengths_is_the_list(case: Case) -> None:
    if not isinstance(case.X[0], np.ndarray):
        return
    lengths = [len(row) for row in case.X]
    model = case.fitted()
    for padding in (0.0, np.nan):
        X = padded(case.X, padding)
        y = padded(case.y, -1).astype(int) if case.cls is rl.SequenceTagger else case.y
        same = case.make().fit(X, y, lengths=lengths)
        assert case.outputs(same) == case.outputs(model), "trained on what is there"
        for name in ("predict", *case.methods):
            found = getattr(model, name)(X, lengths=np.array(lengths))
            assert [plain(one) for one in found] == [plain(one) for one in getattr(model, name)(case.X)]
        if case.y is not None:
            assert model.score(X, y, lengths=lengths) == model.score(case.X, case.y)


@every
def test_nothing_is_written_to(case: Case) -> None:
    X = [np.array(row) if isinstance(row, np.ndarray) else row for row in case.X]
    before = [plain(row) for row in X]
    y = None if case.y is None else list(case.y)
    for row in X:
        if isinstance(row, np.ndarray):
            row.flags.writeable = False
    case.outputs(case.make().fit(X, y), X)
    assert [plain(row) for row in X] == before and y == case.y


# --- text and tokens


@pytest.mark.parametrize(
    "name", ["classifier of text", "classifier of tokens", "tagger of tokens", "items", "next items"]
)
def test_forms_of_tokens(name: str) -> None:
    case = CASES[name]
    model = case.fitted()
    expected = [plain(one) for one in model.predict(case.X)]
    forms: list[Any] = [tuple(case.X), Framed(np.array([*case.X, None], object)[:-1])]
    if isinstance(case.X[0], str):
        forms += [np.array(case.X), np.array(case.X, object), [np.str_(text) for text in case.X]]
    else:
        forms += [[tuple(row) for row in case.X], [np.array(row) for row in case.X], [Framed(row) for row in case.X]]
    for form in forms:
        assert [plain(one) for one in model.predict(form)] == expected
        assert [plain(one) for one in case.make().fit(form, case.y).predict(case.X)] == expected


def test_strings_are_cut_as_said() -> None:
    for unit, tokens in (("word", ["a", "film"]), ("character", ["a", " "]), ("byte", [97, 32])):
        model = rl.SequenceClassifier(unit=unit, epochs=1, hidden_size=2, progress=False).fit(WORDS, LABELS)
        assert model.inputs_.vocabulary.unit == unit
        assert set(tokens) <= set(model.inputs_.vocabulary.tokens)
    with_list = rl.SequenceClassifier(epochs=2, hidden_size=4, progress=False, batch_size=8).fit(TOKENS, LABELS)
    with_text = rl.SequenceClassifier(epochs=2, hidden_size=4, progress=False, batch_size=8).fit(WORDS, LABELS)
    assert with_list.predict_proba(TOKENS).tolist() == with_text.predict_proba(WORDS).tolist()


def test_items_are_names_and_not_numbers() -> None:
    rows = [[at % 3, 10**12, 5] for at in range(20)]
    model = rl.SequenceClassifier(inputs="items", epochs=1, hidden_size=2, progress=False).fit(rows, LABELS)
    assert set(model.inputs_.vocabulary.tokens) == {"<unknown>", 0, 1, 2, 10**12, 5}
    assert model.predict_proba(np.array(rows)).tolist() == model.predict_proba(rows).tolist()
    assert model.predict_proba([[77, 78]]).shape == (1, 3), "unknown ones are one and the same"
    assert model.predict_proba([[77]]).tolist() == model.predict_proba([[78]]).tolist()


def test_vocabulary_options() -> None:
    options: dict[str, Any] = {"epochs": 1, "hidden_size": 2, "progress": False, "validation": 0}
    few = rl.SequenceClassifier(vocabulary_size=2, **options).fit(WORDS, LABELS)
    assert few.inputs_.vocabulary.tokens == ("<unknown>", "a", "film")
    often = rl.SequenceClassifier(least=9, **options).fit(WORDS, LABELS)
    assert set(often.inputs_.vocabulary.tokens) == {"<unknown>", "bad", "a", "film"}
    wide = rl.SequenceClassifier(embedding_size=7, **options).fit(WORDS, LABELS)
    assert dict(wide.network_.named_parameters())["0.weight"].shape == (7, 7)
    short = rl.SequenceClassifier(longest=2, **options).fit(WORDS, LABELS)
    assert short.predict_proba(["so a b c bad"]).tolist() == short.predict_proba(["so bad"]).tolist()


def test_empty_texts_are_texts() -> None:
    for pool in ("last", "mean", "max", "attention"):
        for conv in (None, 3):
            options: dict[str, Any] = {"pool": pool, "conv": conv, "conv_pool": 2 if conv else 1, "epochs": 1}
            model = rl.SequenceClassifier(**options, hidden_size=2, progress=False)
            model.fit([*WORDS, "", ""], [*LABELS, "bad", "even"])
            together = model.predict_proba(["", "good", "a bad film"])
            assert np.isfinite(together).all() and together[0].tolist() == model.predict_proba([""])[0].tolist()
    tagger = rl.SequenceTagger(epochs=1, hidden_size=2, progress=False).fit(
        [*WORDS, ""], [*CASES["tagger of text"].y, []]
    )
    assert [len(row) for row in tagger.predict(["", "good", "so so"])] == [0, 1, 2]


# --- what is to be learned


@pytest.mark.parametrize(
    "form", [np.array, tuple, Framed, lambda y: np.array(y, object)], ids=["array", "tuple", "frame", "objects"]
)
def test_forms_of_targets(form: Any) -> None:
    for name in ("classifier of numbers", "classifier of tokens", "points", "points of pairs", "items"):
        case = CASES[name]
        expected = case.fitted()
        model = case.make().fit(case.X, form(case.y))
        assert case.outputs(model) == case.outputs(expected), name
        assert model.score(case.X, form(case.y)) == expected.score(case.X, case.y)
    case = CASES["tagger of numbers"]
    rows = [form(row) if form is not Framed else row for row in STEPS]
    assert case.outputs(case.make().fit(case.X, rows)) == case.outputs(case.fitted())


def test_shapes_of_predictions() -> None:
    X = CUBE
    options: dict[str, Any] = {"hidden_size": 2, "epochs": 1, "progress": False}
    make = rl.SequencePredictor
    one, two = FLAT[:, 0], FLAT[:, :2]
    for output in ("point", "quantile", "gaussian"):
        for y, shape in ((one, ()), (two, (2,)), (one[:, None], (1,))):
            model = make(output=output, quantiles=(0.1, 0.2, 0.5, 0.9), **options).fit(X, y)
            assert model.predict(X[:7]).shape == (7, *shape)
            if output != "point":
                quantiles = model.predict_quantiles(X[:7])
                assert quantiles.shape == (7, *shape, 4) and (np.diff(quantiles) >= 0).all()
            if output == "gaussian":
                deviation = model.predict_deviation(X[:7])
                assert deviation.shape == (7, *shape) and (deviation > 0).all()
                assert np.allclose(model.predict_quantiles(X[:7])[..., 2], model.predict(X[:7]))
    assert make(**options).fit(X).predict(X[:7]).shape == (7, 3)
    assert make(**options).fit(FLAT).predict(FLAT[:7]).shape == (7,)
    assert make(**options).fit(FLAT[..., None]).predict(FLAT[:7, :, None]).shape == (7, 1)
    tagger = rl.SequenceTagger(**options).fit(X, X[..., 0] > 0)
    assert [row.shape for row in tagger.predict_proba(X[:2])] == [(6, 2), (6, 2)]
    assert tagger.predict(X[:2])[0].dtype == bool


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library: str) -> None:
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    case = CASES["classifier of numbers"]
    for X, kept in ((FLAT, None), (CUBE, "rows")):
        frames = module.DataFrame(X) if kept is None else [module.DataFrame(row) for row in X]
        model = case.make().fit(frames, module.Series(LABELS))
        expected = case.make().fit(X, LABELS)
        assert model.predict_proba(frames).tolist() == expected.predict_proba(X).tolist()
        assert model.score(frames, module.Series(LABELS)) == expected.score(X, LABELS)
    text = CASES["classifier of text"]
    expected = text.fitted().predict_proba(WORDS)
    assert text.make().fit(module.Series(WORDS), module.Series(LABELS)).predict_proba(
        module.Series(WORDS)
    ).tolist() == (expected.tolist())


def test_options_of_scale() -> None:
    for scale in ("standard", "minmax", "robust", "none", "window"):
        model = rl.SequencePredictor(scale=scale, hidden_size=2, epochs=1, progress=False).fit(CUBE, VALUES)
        assert np.isfinite(model.predict(CUBE)).all()
        shifted = model.predict(CUBE + 4) - model.predict(CUBE)
        assert np.allclose(shifted, 4, atol=1e-4) == (scale == "window")


def test_windows_of_equal_numbers_have_no_unit() -> None:
    """The deviation of equal numbers may be a rounding above 0, in which all else would be huge."""
    rows = np.repeat(np.array([0.1, 0.3, 1e9 + 0.1, -7.7]), 5)[:, None] * np.ones(3)
    model = rl.SequencePredictor(scale="window", hidden_size=2, epochs=1, progress=False).fit(rows, rows[:, 0] + 1)
    assert max(model.history_["loss"]) < 4
    assert np.abs(model.predict(rows) - rows[:, 0]).max() < 3


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "nadam", "rmsprop", "sgd"])
@pytest.mark.parametrize("schedule", ["cosine", "onecycle", "plateau", "constant"])
def test_optimizers_and_schedules(optimizer: str, schedule: str) -> None:
    case = CASES["points"]
    for validation in (0, 0.2):
        model = case.fitted(optimizer=optimizer, schedule=schedule, weight_decay=0.01, validation=validation, epochs=4)
        assert model.history_["loss"][-1] < model.history_["loss"][0]


@pytest.mark.parametrize("name", ["classifier of numbers", "tagger of numbers", "points"])
@pytest.mark.parametrize("merge", ["concat", "sum", "mean", "mul"])
def test_options_of_the_lstm(name: str, merge: str) -> None:
    case = CASES[name]
    options = {"merge": merge, "layer_norm": True, "proj_size": 3, "zoneout": 0.1, "learn_initial_state": True}
    model = case.make(lstm=options, bidirectional=True, num_layers=2, hidden_size=[5, 6]).fit(case.X, case.y)
    assert len(case.outputs(model)[0]) == len(case.X)
    assert case.outputs(model, case.X[:1]) == [found[:1] for found in case.outputs(model)]
