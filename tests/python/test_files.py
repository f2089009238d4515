"""Models as files: what is saved is loaded, whatever the layer; a file that lies is refused before it costs."""

from __future__ import annotations

import copy
import json
import pickle
import random
import re
import sys
import tracemalloc
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm import nn
from rustlstm.checkpoint import DamagedFileError, load_tensors, save_tensors
from rustlstm.nn import Module, Parameter
from rustlstm.nn._config import _classes

pytestmark = pytest.mark.once

CONTENT = "rustlstm.content"


class Tied(Module):
    """Two layers and two parameters, one of them twice; of the library, as far as it knows."""

    __module__ = "rustlstm.for_tests"

    def __init__(self, *modules: Module, size: int = 3, bias: bool = True, options: Any = None) -> None:
        self.modules, self.size, self.options = modules, size, options
        self.weight = nn._parameter.parameter((size, 2), lambda: np.ones((size, 2)))
        self.again = self.weight
        self.bias = nn._parameter.parameter((size,), lambda: np.zeros(size)) if bias else None


# Where pickle looks for the class.
sys.modules["rustlstm.for_tests"] = types.ModuleType("rustlstm.for_tests")
sys.modules["rustlstm.for_tests"].Tied = Tied  # type: ignore[attr-defined]


class Mine(Module):
    """A user's own class."""

    def __init__(self) -> None:
        self.lstm = nn.LSTM(3, 4, dropout=0.5, num_layers=2)
        self.scale = Parameter([1.0, 2.0])


# For each class, calls that make it; all together use every argument.
MAKERS: dict[str, list[Callable[[], Module]]] = {
    "LSTM": [
        lambda: nn.LSTM(3, 4),
        lambda: nn.LSTM(3, 4, 2, bidirectional=True, merge="mean", dropout=0.1, input_dropout=0.2, seed=2**64 - 1),
        lambda: nn.LSTM(3, [4, 6], recurrent_dropout=0.1, locked_dropout=True, zoneout=(0.1, 0.2), weight_drop=0.3),
        lambda: nn.LSTM(3, (4, 4), proj_size=2, layer_norm=True, learn_initial_state=True, recompute=True),
        lambda: nn.LSTM(3, 4, cell=nn.Cell.peephole_2002(clip=0.1, forget_bias=None), init=nn.Init.chrono(50)),
        lambda: nn.LSTM(np.int32(3), np.int64(4), init="glorot"),
    ],
    "LSTMCell": [lambda: nn.LSTMCell(3, 4), lambda: nn.LSTMCell(3, 4, cell=nn.Cell(coupled=True), init="glorot")],
    "Attention": [lambda: nn.Attention(3, 4, seed=5)],
    "EncoderDecoder": [
        lambda: nn.EncoderDecoder(5, 6, 4, 2, embedding_size=3, dropout=0.1, lstm={"layer_norm": True}, seed=2),
        lambda: nn.EncoderDecoder(
            2, 3, 5, source_numbers=True, target_numbers=True, bidirectional=False, attention=False
        ),
    ],
    "LanguageModel": [
        lambda: nn.LanguageModel(7, 3, 4, 2, tied=True, dropout=0.1, input_dropout=0.2, recurrent_dropout=0.3, seed=4),
        lambda: nn.LanguageModel(7, None, 4, one_hot=True, locked_dropout=True, zoneout=0.1, weight_drop=0.2),
        lambda: nn.LanguageModel(7, 3, 4, proj_size=2, layer_norm=True, learn_initial_state=True, init="glorot"),
        lambda: nn.LanguageModel(7, 3, 4, cell=nn.Cell(peephole=True), recompute=True),
    ],
    "Linear": [lambda: nn.Linear(3, 4), lambda: nn.Linear(3, 4, bias=False, seed=3)],
    "Embedding": [
        lambda: nn.Embedding(5, 4, padding_index=0, seed=1),
        lambda: nn.Embedding(5, 4, weight=np.ones((5, 4)), frozen=True),
    ],
    "Dropout": [lambda: nn.Dropout(0.5, locked=True, seed=4)],
    "LayerNorm": [lambda: nn.LayerNorm(4, eps=1e-3), lambda: nn.LayerNorm(4, bias=False)],
    "Conv1d": [lambda: nn.Conv1d(3, 4, 3, stride=2, padding="causal", dilation=2, bias=False, seed=1)],
    "Conv2d": [lambda: nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 0))],
    "MaxPool1d": [lambda: nn.MaxPool1d(3, 2)],
    "MaxPool2d": [lambda: nn.MaxPool2d((3, 2), 2)],
    "AvgPool1d": [lambda: nn.AvgPool1d(3)],
    "AvgPool2d": [lambda: nn.AvgPool2d(3)],
    "Pool": [lambda: nn.Pool("mean")],
    "AttentionPool": [lambda: nn.AttentionPool(4), lambda: nn.AttentionPool(4, 3, seed=1)],
    "Sequential": [lambda: nn.Sequential(nn.LSTM(3, 4), nn.Sequential(nn.LSTM(4, 2)), nn.LSTM(2, 2))],
    "Tied": [
        lambda: Tied(),
        lambda: Tied(nn.LSTM(2, 3), Tied(size=2, bias=False), options={"class": (1.5, None, "x"), "b": float("inf")}),
    ],
}
MODELS = [
    pytest.param(make, id=f"{name}-{number}") for name, makers in MAKERS.items() for number, make in enumerate(makers)
]


def equal(one: Module, other: Module) -> None:
    """Fail unless two modules are made alike and have the same values."""
    assert type(one) is type(other)
    assert repr(one) == repr(other)
    assert one.counters() == other.counters()
    left, right = dict(one._all()), dict(other._all())
    assert list(left) == list(right)
    for name, parameter in left.items():
        assert parameter.data.tobytes() == right[name].data.tobytes(), name
        assert parameter.shape == right[name].shape, name
        assert (parameter.requires_grad, parameter.name) == (right[name].requires_grad, right[name].name), name
    assert [list(left).index(n) for n, _ in one.named_parameters()] == [
        list(right).index(n) for n, _ in other.named_parameters()
    ]


def worn(make: Callable[[], Module]) -> Module:
    """Return a model whose parameters and counters are not those of a new one."""
    model, rng = make(), np.random.default_rng(0)
    for parameter in model.parameters():
        parameter.assign(rng.standard_normal(parameter.shape))
    model.load_counters({name: 7 + index for index, name in enumerate(model.counters())})
    return model


def test_every_class_has_a_maker() -> None:
    modules = {name for name, cls in _classes.items() if issubclass(cls, Module) and getattr(nn, name, None) is cls}
    modules -= {"Module"}
    assert modules <= set(MAKERS), f"add {sorted(modules - set(MAKERS))} to MAKERS"


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("torch", [False, True])
def test_what_is_saved_is_loaded(tmp_path: Path, make: Callable[[], Module], torch: bool) -> None:
    model = worn(make).eval()
    for number, parameter in enumerate(model.parameters()):
        parameter.requires_grad = number % 2 == 0
    rl.save(model, tmp_path / "m", torch=torch)
    loaded = rl.load(tmp_path / "m")
    equal(loaded, model)
    assert loaded.config() == model.config()
    assert loaded.training
    into = make()
    assert rl.load(tmp_path / "m", into=into) is into
    assert into.state_dict().keys() == model.state_dict().keys()
    assert into.counters() == model.counters()
    names = set(load_tensors(tmp_path / "m")[0])
    if torch:
        assert names == set(model.state_dict(torch=True))
    else:
        assert names == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("way", ["pickle", "deepcopy", "joblib"])
def test_other_ways_to_copy(tmp_path: Path, make: Callable[[], Module], way: str) -> None:
    model = worn(make).eval()
    if way == "pickle":
        twin = pickle.loads(pickle.dumps(model))
    elif way == "deepcopy":
        twin = copy.deepcopy(model)
    else:
        joblib = pytest.importorskip("joblib")
        joblib.dump(model, tmp_path / "m")
        twin = joblib.load(tmp_path / "m")
    equal(twin, model)
    assert not twin.training
    for name, parameter in model.named_parameters():
        assert not np.shares_memory(parameter.data, dict(twin.named_parameters())[name].data)


def test_a_loaded_model_goes_on_to_the_bit(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    model = nn.LSTM(3, 4, 2, dropout=0.5, zoneout=0.2)
    model(x)
    rl.save(model, tmp_path / "m")
    loaded = rl.load(tmp_path / "m")
    for _ in range(2):
        (ours, _), (theirs, _) = model(x), loaded(x)
        assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes()


def test_shared_parameters(tmp_path: Path) -> None:
    model = worn(Tied)
    assert model.weight is model.again
    state = model.state_dict()
    assert set(state) == {"weight", "again", "bias"}
    other = Tied()
    other.load_state_dict(state)
    equal(other, model)
    # One of its paths is enough; two that differ are a mistake.
    fresh = Tied()
    assert fresh.load_state_dict({"again": state["again"], "bias": state["bias"]}) == ([], [])
    equal(fresh, model)
    with pytest.raises(ValueError, match="weight and again are one parameter and have different values"):
        fresh.load_state_dict({**state, "again": state["again"] + 1})
    with pytest.raises(ValueError, match="missing: weight, again"):
        fresh.load_state_dict({"bias": state["bias"]})
    equal(fresh, model)
    rl.save(model, tmp_path / "m")
    loaded: Any = rl.load(tmp_path / "m")
    assert loaded.weight is loaded.again
    plain = Tied()
    plain.load_state_dict(load_tensors(tmp_path / "m")[0])
    equal(plain, model)


@pytest.mark.parametrize("torch", [False, True])
def test_parameters_that_were_shared_by_hand(tmp_path: Path, torch: bool) -> None:
    def make() -> Tied:
        model = Tied(nn.LSTM(2, 3), nn.LSTM(2, 3))
        first, second = model.modules
        second.weight_hh_l0 = first.weight_hh_l0  # type: ignore[attr-defined]
        return model

    model = worn(make)
    rl.save(model, tmp_path / "m", torch=torch)
    loaded: Any = rl.load(tmp_path / "m")
    assert loaded.modules[0].weight_hh_l0 is loaded.modules[1].weight_hh_l0
    equal(loaded, model)


def test_classes_of_ones_own(tmp_path: Path) -> None:
    model = worn(Mine)
    path = tmp_path / "m"
    rl.save(model, path)
    sentence = (
        "holds a 'Mine', and Mine is not a class of rustlstm, so a file cannot say how it is made; make the model and "
        "call rl.load(path, into=model), or model.load_state_dict(rl.checkpoint.load_tensors(path)[0])"
    )
    with pytest.raises(ValueError, match=re.escape(sentence)):
        rl.load(path)
    into = Mine()
    rl.load(path, into=into)
    equal(into, model)
    by_hand = Mine()
    by_hand.load_state_dict(load_tensors(path)[0])
    assert by_hand.state_dict().keys() == model.state_dict().keys()
    # Somewhere inside, too.
    rl.save(Tied(Mine()), path)
    with pytest.raises(ValueError, match="holds a 'Tied', and Mine is not a class"):
        rl.load(path)


def test_into_another_model_changes_nothing(tmp_path: Path) -> None:
    rl.save(worn(lambda: nn.LSTM(3, 4)), tmp_path / "m")
    for other in (nn.LSTM(3, 2), nn.LSTM(3, 5), nn.LSTM(2, 4, bidirectional=True), Mine(), Tied()):
        before = copy.deepcopy(other)
        with pytest.raises(ValueError, match=r"m does not fit (LSTM|Mine|Tied)"):
            rl.load(tmp_path / "m", into=other)
        equal(other, before)


def test_into_a_model_that_computes_something_else(tmp_path: Path) -> None:
    path = tmp_path / "m"

    def make(merge: str = "concat", **options: Any) -> nn.Sequential:
        return nn.Sequential(nn.LSTM(3, 4, cell=nn.Cell(**options)), nn.Pool("last"), nn.LSTM(4, 2, merge=merge))

    rl.save(make(output_activation="softsign"), path)
    for other, words in (
        (make(), r"modules\[0\].cell.output_activation is 'softsign' in the file and 'tanh' in the model"),
        (make(output_activation="softsign", clip=1.0), r"modules\[0\].cell.clip is None in the file and 1.0"),
        (make(output_activation="softsign", merge="mean"), r"modules\[2\].merge is 'concat' in the file and 'mean'"),
    ):
        before = copy.deepcopy(other)
        with pytest.raises(ValueError, match=f"m does not fit Sequential: {words}"):
            rl.load(path, into=other)
        equal(other, before)
    # What can be said in two ways is the same; how it was trained, and how it began, are of the past.
    rl.save(nn.LSTM(3, [4, 4]), path)
    rl.load(path, into=nn.LSTM(3, 4, 2))
    rl.save(nn.LSTM(3, 4, dropout=0.5, init="glorot", seed=3), path)
    into = nn.LSTM(3, 4)
    into.bias_l0.requires_grad = False
    rl.load(path, into=into)
    assert not into.bias_l0.requires_grad


def test_torchs_files(tmp_path: Path) -> None:
    theirs = pytest.importorskip("safetensors.numpy")
    lstm = worn(lambda: nn.LSTM(3, 4, 2, bidirectional=True))
    theirs.save_file(lstm.state_dict(torch=True), tmp_path / "m")
    into = nn.LSTM(3, 4, 2, bidirectional=True)
    rl.load(tmp_path / "m", into=into)
    assert into.state_dict().keys() == lstm.state_dict().keys()
    assert all((a.data == b.data).all() for a, b in zip(into.parameters(), lstm.parameters(), strict=True))
    with pytest.raises(ValueError, match=r"m was not written by rl\.save"):
        rl.load(tmp_path / "m")


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="model must be a Module or an estimator, got dict"):
        rl.save({}, tmp_path / "m")  # type: ignore[arg-type]
    rl.checkpoint.save_state(tmp_path / "m", {})
    with pytest.raises(ValueError, match=r"was written by rl\.checkpoint\.save_state, not by rl\.save"):
        rl.load(tmp_path / "m")


def rewritten(path: Path, change: Callable[[Any], Any]) -> None:
    """Change what the metadata of a file say, checksum and all."""
    arrays, metadata = load_tensors(path)
    content = json.loads(metadata[CONTENT])
    changed = change(content)
    metadata[CONTENT] = json.dumps(content if changed is None else changed)
    save_tensors(path, arrays, metadata)


def refused(path: Path, match: str | None = None) -> None:
    """Fail unless a file is refused, with a sentence and without memory."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=match):
            rl.load(path)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def arguments_of(config: Any) -> list[tuple[dict[str, Any], str]]:
    """Return every place in a description where a whole number stands."""
    places: list[tuple[dict[str, Any], str]] = []
    pairs = config.items() if isinstance(config, dict) else enumerate(config) if isinstance(config, list) else ()
    for key, value in pairs:
        if isinstance(value, int) and not isinstance(value, bool):
            places.append((config, key))
        places += arguments_of(value)
    return places


@pytest.mark.parametrize("make", MODELS)
def test_absurd_sizes(tmp_path: Path, make: Callable[[], Module]) -> None:
    path = tmp_path / "m"
    rl.save(make(), path)
    content = json.loads(load_tensors(path)[1][CONTENT])
    for size in (10**12, 2**63, 2**70, 60_000, -1):
        for number, (_, name) in enumerate(arguments_of(content["config"])):
            # What is no size: any seed is right, and no file is too small for a stride.
            if name in ("seed", "stride", "padding", "dilation", "padding_index", "t_max") and size <= 60_000:
                continue
            rl.save(make(), path)
            rewritten(path, lambda content: put(content, number, size))  # noqa: B023 - called at once
            if name == "seed" and size < 2**64:
                rl.load(path)
            elif name not in ("kernel_size", 0, 1) or size > 60_000:
                refused(path)


def put(content: Any, number: int, size: int) -> None:
    place, name = arguments_of(content["config"])[number]
    place[name] = size


def test_absurd_depths(tmp_path: Path) -> None:
    """A model costs no more than the file that describes it."""
    path = tmp_path / "m"
    deep = {"class": "LSTM", "arguments": {"input_size": 1, "hidden_size": 1, "num_layers": 2000}}
    for number in (1, 60):
        rl.save(nn.Sequential(nn.LSTM(1, 1)), path)
        rewritten(path, lambda c: c["config"]["arguments"].update(modules=[deep] * number))  # noqa: B023 - at once
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match="it has more parameters than the file"):
                rl.load(path)
            assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda c: c["config"]["arguments"].update(hidden_size=5),
            r"LSTM cannot be made: with a parameter of shape .* it has more parameters than the file",
        ),
        (lambda c: c["config"]["arguments"].update(hidden_size=3), "must have shape"),
        (
            lambda c: c["config"]["arguments"].update(bidirectional=True),
            r"with a parameter of shape \[16, 3\] it has more parameters than the file",
        ),
        (lambda c: c["config"]["arguments"].update(num_layers=60_000), "num_layers must be at most 10000"),
        (lambda c: c["config"]["arguments"].update(hidden_size="4"), "hidden_size must be an integer, got str"),
        (lambda c: c["config"]["arguments"].update(unknown=1), "unexpected keyword argument 'unknown'"),
        (lambda c: c["config"]["arguments"].pop("hidden_size"), "missing 1 required positional argument"),
        (lambda c: c["config"]["arguments"].update(cell={"class": "LSTM"}), "needs a class and arguments"),
        (lambda c: c["config"].update({"class": "Popen"}), "Popen is not a class of rustlstm"),
        (lambda c: c["config"].update({"class": "Cell", "arguments": {}}), "LSTM is not a module"),
        (lambda c: c["config"].update({"class": "dict", "arguments": {}}), "LSTM is not a module"),
        (lambda c: c["config"].update({"class": "__import__"}), "__import__ is not a class"),
        (lambda c: c.update(config=[]), "do not describe a model"),
        (lambda c: c.update(config={}), "needs a class and arguments, got \\[\\]"),
        (lambda c: c.update(shared={"weight_ih_l0": "bias_l0"}), "weight_ih_l0 and 'bias_l0' cannot be one parameter"),
        (lambda c: c.update(shared={"x.y": "bias_l0"}), "x.y and 'bias_l0' cannot be one"),
        (lambda c: c.update(shared={"bias_l0": ["x"]}), "cannot be"),
        (lambda c: c.update(counters={}), "counters must be those of draws, got "),
        (lambda c: c.update(counters={"draws": -1}), "draws must be a whole number from 0 on, got -1"),
        (lambda c: c.update(counters={"draws": True}), "got True"),
        (lambda c: c.pop("frozen"), "do not describe a model"),
        (lambda c: [c], "do not describe a model"),
    ],
)
def test_metadata_that_lie(tmp_path: Path, change: Callable[[Any], Any], words: str) -> None:
    rl.save(nn.LSTM(3, 4), tmp_path / "m")

    def only_lists(content: Any) -> Any:
        result = change(content)
        return result if isinstance(result, list) else None

    rewritten(tmp_path / "m", only_lists)
    refused(tmp_path / "m", words)


def test_metadata_changed_at_random(tmp_path: Path) -> None:
    """Whatever the metadata say, the answer is a model or a sentence."""
    path, rng = tmp_path / "m", random.Random(0)
    rl.save(Tied(nn.LSTM(2, 3, [4][0], cell=nn.Cell()), Tied(bias=False), options={"a": (1, 2.5)}), path)
    arrays, metadata = load_tensors(path)
    values = [None, True, -1, 0, 10**9, 2**80, 1.5, "", "LSTM", [], {}, {"$tuple": 1}]
    values.append({"class": "LSTM", "arguments": {}})
    loaded = 0
    for _ in range(1000):
        content = json.loads(metadata[CONTENT])
        for _ in range(rng.randrange(1, 3)):
            place = content
            while True:
                key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
                if not (isinstance(place[key], (dict, list)) and place[key]) or rng.random() < 0.1:
                    break
                place = place[key]
            if rng.random() < 0.2:
                del place[key]
            else:
                place[key] = rng.choice(values)
            if not content:
                break
        save_tensors(path, arrays, {**metadata, CONTENT: json.dumps(content)})
        try:
            rl.load(path)
            loaded += 1
        except ValueError:
            pass
    assert 20 < loaded < 900


def test_a_damaged_model(tmp_path: Path) -> None:
    path = tmp_path / "m"
    rl.save(nn.LSTM(3, 4), path)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DamagedFileError, match="m is not a whole safetensors file"):
        rl.load(path)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DamagedFileError, match="m is damaged"):
        rl.load(path)


def test_config_needs_arguments_kept() -> None:
    class Forgetful(Module):
        __module__ = "rustlstm.for_tests"

        def __init__(self, size: int) -> None:
            self.other = size

    del _classes["Forgetful"]
    with pytest.raises(TypeError, match="Forgetful is not a class of rustlstm"):
        Forgetful(3).config()
    _classes["Forgetful"] = Forgetful
    try:
        with pytest.raises(TypeError, match="Forgetful does not keep its argument size under this name"):
            Forgetful(3).config()
    finally:
        del _classes["Forgetful"]
    with pytest.raises(TypeError, match="have one name"):
        type("LSTM", (Module,), {"__module__": "rustlstm.elsewhere"})


def test_config_has_plain_numbers() -> None:
    arguments = nn.LSTM(3, 4, dropout=np.float32(0.1), zoneout=np.float64(0.1)).config()["arguments"]
    assert {name: type(arguments[name]) for name in ("dropout", "hidden_size")} == {
        "dropout": float,
        "hidden_size": int,
    }
    assert [type(part) for part in arguments["zoneout"]] == [float, float]


def test_counters() -> None:
    model = Mine()
    assert model.counters() == {"lstm.draws": 0}
    model.lstm(np.zeros((1, 2, 3)))
    assert model.counters() == {"lstm.draws": 1}
    for wrong in ({}, {"draws": 1}, {"lstm.draws": 1.0}, {"lstm.draws": 2**63}, {"lstm.draws": 1, "x": 1}):
        with pytest.raises(ValueError, match="counter"):
            model.load_counters(wrong)  # type: ignore[arg-type]
        assert model.counters() == {"lstm.draws": 1}
    model.load_counters({"lstm.draws": 5})
    assert model.lstm.draws == 5
