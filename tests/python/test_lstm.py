"""The LSTM layer as a user meets it: shapes, options, state, parameters, state dicts, copies, errors."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm.nn import LSTM, Cell, Init

B, T, C, H = 3, 5, 4, 6


def batch(seed: int = 0, shape: tuple[int, ...] = (B, T, C)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def same(a: Any, b: Any) -> bool:
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_signature() -> None:
    assert str(inspect.signature(LSTM)).replace("'", "") == (
        "(input_size: int, hidden_size: int | Sequence[int], num_layers: int = 1, *, bidirectional: bool = False, "
        "merge: str = concat, dropout: float = 0.0, input_dropout: float = 0.0, recurrent_dropout: float = 0.0, "
        "locked_dropout: bool = False, zoneout: float | tuple[float, float] = 0.0, weight_drop: float = 0.0, "
        "proj_size: int | None = None, layer_norm: bool = False, cell: Cell | None = None, "
        "learn_initial_state: bool = False, init: str | Init = uniform, recompute: bool = False, seed: int = 0) -> None"
    )


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("merge", ["concat", "sum", "mul", "mean"])
@pytest.mark.parametrize("proj", [None, 2])
def test_shapes(layers: int, bidirectional: bool, merge: str, proj: int | None) -> None:
    lstm = LSTM(C, H, layers, bidirectional=bidirectional, merge=merge, proj_size=proj)
    y, (h, c) = lstm(batch())
    directions, width = 1 + bidirectional, proj or H
    out = width * (directions if merge == "concat" else 1)
    assert (y.shape, h.shape, c.shape) == ((B, T, out), (layers * directions, B, width), (layers * directions, B, H))
    assert lstm.output_size == out
    assert all(isinstance(part, rl.Tensor) for part in (y, h, c))
    last = np.asarray(h)[-directions]
    if not bidirectional:
        assert same(np.asarray(y)[:, -1], last)


def test_layers_of_different_sizes() -> None:
    lstm = LSTM(C, [6, 3, 8], bidirectional=True)
    y, (h, c) = lstm(batch())
    assert y.shape == (B, T, 16)
    assert [part.shape for part in h] == [part.shape for part in c] == [(2, B, n) for n in (6, 3, 8)]
    again, _ = lstm(batch(1), (h, c))
    assert again.shape == y.shape
    lstm = LSTM(C, [6, 3], proj_size=2)
    _, (h, c) = lstm(batch())
    assert h.shape == (2, B, 2)
    assert [part.shape for part in c] == [(1, B, 6), (1, B, 3)]


def test_parameters_have_torchs_names_and_order() -> None:
    lstm = LSTM(C, H, 2, bidirectional=True, proj_size=2, layer_norm=True, cell=Cell(peephole=True))
    suffixes = [f"_l{layer}{side}" for layer in (0, 1) for side in ("", "_reverse")]
    kinds = ["weight_ih", "weight_hh", "bias", "weight_hr", "weight_peephole", "weight_ln_ih", "weight_ln_hh"]
    assert [name for name, _ in lstm.named_parameters()] == [kind + suffix for suffix in suffixes for kind in kinds]
    assert lstm.weight_ih_l1_reverse.shape == (4 * H, 4)
    assert lstm.weight_hh_l0.shape == (4 * H, 2)
    assert all(p.requires_grad for p in lstm.parameters())


def test_ragged_batches() -> None:
    x = batch()
    for options in ({}, {"bidirectional": True, "num_layers": 2}):
        lstm = LSTM(C, H, **options)
        lengths = [2, 5, 0]
        y, (h, c) = lstm(x, lengths=lengths)
        from_list, (h2, c2) = lstm([x[b, :n] for b, n in enumerate(lengths)])
        assert same(y, from_list) and same(h, h2) and same(c, c2)
        for b, n in enumerate(lengths):
            alone, (h1, c1) = lstm(x[b : b + 1, :n])
            assert same(np.asarray(y)[b, :n], alone)
            assert not np.asarray(y)[b, n:].any()
            assert same(np.asarray(h)[:, b], h1) and same(np.asarray(c)[:, b], c1)
    nested, _ = lstm([[[0.5] * C] * 3, []])
    assert nested.shape == (2, 3, lstm.output_size)
    with pytest.raises(ValueError, match="a list of sequences brings its lengths"):
        lstm([x[0]], lengths=[2])
    with pytest.raises(ValueError, match=r"^x\[1\] must have shape \[T, C=4\], got \[5, 3\]"):
        lstm([x[0], x[1, :, :3]])


def test_gradients_reach_the_sequences_of_a_list() -> None:
    rows = [rl.Tensor(batch(b)[0, :n], requires_grad=b != 1) for b, n in enumerate((2, 5, 3))]
    lstm = LSTM(C, H)
    y, _ = lstm([rows[0], rows[1], rows[2], batch()[0]])
    dy = batch(7, y.shape)
    y.backward(dy)
    assert rows[1].grad is None
    for b in (0, 2):
        x = rl.Tensor(rows[b].data[None], requires_grad=True)
        lstm(x)[0].backward(dy[b : b + 1, : len(rows[b])])
        assert same(x.grad[0], rows[b].grad)


def test_state_in_and_out() -> None:
    x = batch()
    lstm = LSTM(C, H, 2)
    y, state = lstm(x)
    first, middle = lstm(x[:, :2])
    second, end = lstm(x[:, 2:], middle)
    assert same(y, np.concatenate([first, second], axis=1))
    assert same(state[0], end[0]) and same(state[1], end[1])
    h, c = (np.asarray(part) for part in middle)
    by_layer = [h[:1], h[1:]], [c[:1], c[1:]]
    for given in (by_layer, (h.tolist(), c.tolist()), (list(h), list(c)), [h, c]):
        assert same(lstm(x[:, 2:], given)[0], second)
    zeros = np.zeros_like(h)
    assert same(lstm(x, (None, None))[0], y) and same(lstm(x, (zeros, None))[0], y)
    with pytest.raises(ValueError, match=r"^h of state must have shape \[L\*D=2, B=3, H=6\], got \[3, 3, 6\]"):
        lstm(x, (np.zeros((3, 3, 6)), c))
    with pytest.raises(TypeError, match="state must be a pair"):
        lstm(x, h)


def test_gradients_flow_through_the_state() -> None:
    x = batch()
    lstm, cut = LSTM(C, H, 2, seed=1), LSTM(C, H, 2, seed=1)
    whole = rl.Tensor(x, requires_grad=True)
    y, (h, c) = lstm(whole)
    dy, dh, dc = batch(1, y.shape), batch(2, h.shape), batch(3, c.shape)
    rl.backward([y, h, c], [dy, dh, dc])
    a, b = (rl.Tensor(part, requires_grad=True) for part in (x[:, :2], x[:, 2:]))
    y1, middle = cut(a)
    y2, (h, c) = cut(b, middle)
    rl.backward([y1, y2, h, c], [dy[:, :2], dy[:, 2:], dh, dc])
    np.testing.assert_allclose(np.concatenate([a.grad, b.grad], axis=1), whole.grad, rtol=1e-5, atol=1e-6)
    for (name, one), two in zip(lstm.named_parameters(), cut.parameters(), strict=True):
        np.testing.assert_allclose(two.grad, one.grad, rtol=1e-4, atol=1e-5, err_msg=name)


def test_gradients_add_up_over_passes() -> None:
    x, lstm = batch(), LSTM(C, H)
    y, _ = lstm(x)
    y.backward(np.ones(y.shape))
    once = {name: p.grad.copy() for name, p in lstm.named_parameters()}
    y, _ = lstm(x)
    y.backward(np.ones(y.shape))
    for name, p in lstm.named_parameters():
        np.testing.assert_allclose(p.grad, 2 * once[name], rtol=1e-6, atol=1e-6)
    lstm.zero_grad()
    assert all(p.grad is None for p in lstm.parameters())


def test_thin_functions_agree_with_the_tape() -> None:
    lstm = LSTM(C, [H, 3], bidirectional=True, learn_initial_state=True)
    x = rl.Tensor(batch(), requires_grad=True)
    y, (h, c) = lstm(x)
    dy, dh, dc = batch(1, y.shape), [batch(2, p.shape) for p in h], [batch(3, p.shape) for p in c]
    rl.backward([y, *h, *c], [dy, *dh, *dc])
    y2, (h2, _), record = lstm.forward(batch())
    assert type(y2) is np.ndarray and same(y, y2) and all(same(a, b) for a, b in zip(h, h2, strict=True))
    dx, (dh0, dc0), grads = lstm.backward(record, dy, (dh, dc))
    assert same(dx, x.grad)
    assert [part.shape for part in dh0 + dc0] == [part.shape for part in h2] * 2
    assert {name: p.grad.tobytes() for name, p in lstm.named_parameters()} == {n: g.tobytes() for n, g in grads.items()}
    with pytest.raises(RuntimeError, match="already taken backward"):
        lstm.backward(record, dy)
    assert lstm.forward(batch(), record=False)[2] is None


def test_a_wrong_dy_leaves_the_record_usable() -> None:
    lstm = LSTM(C, H)
    y, _, record = lstm.forward(batch())
    with pytest.raises(ValueError, match=r"^dy must have shape \[B=3, T=5, D\*H=6\], got \[3, 5, 5\]"):
        lstm.backward(record, y[..., 1:])
    lstm.backward(record, y)


def test_no_grad_keeps_nothing() -> None:
    lstm = LSTM(C, H)
    with rl.no_grad():
        y, (h, c) = lstm(rl.Tensor(batch(), requires_grad=True))
    assert all(part._node is None and not part.requires_grad for part in (y, h, c))
    for parameter in lstm.parameters():
        parameter.requires_grad = False
    assert lstm(batch())[0]._node is None


def test_frozen_parameters_get_no_gradient() -> None:
    lstm = LSTM(C, H)
    lstm.bias_l0.requires_grad = False
    y, _ = lstm(batch())
    y.backward(np.ones(y.shape))
    assert lstm.bias_l0.grad is None
    assert lstm.weight_ih_l0.grad is not None


@pytest.mark.parametrize("hidden", [H, [H, 3]])
def test_learned_initial_state(hidden: Any) -> None:
    lstm = LSTM(C, hidden, bidirectional=True, learn_initial_state=True)
    names = [name for name, _ in lstm.named_parameters() if name[1] == "0"]
    assert names == (["h0", "c0"] if hidden == H else ["h0_l0", "h0_l1", "c0_l0", "c0_l1"])
    learned = [getattr(lstm, name) for name in names]
    sizes = [6, 3, 6, 3] if len(names) > 2 else [6, 6]
    assert [p.shape for p in learned] == [(2, 1, n) for n in sizes]
    assert not any(p.data.any() for p in learned)
    for k, p in enumerate(learned):
        p.assign(batch(k, p.shape))
    x = batch()
    y, _ = lstm(x)
    wide = [rl.Tensor(np.repeat(p.data, B, axis=1), requires_grad=True) for p in learned]
    half = len(wide) // 2
    expected, _ = lstm(x, (wide[:half], wide[half:]))
    assert same(y, expected)
    dy = batch(5, y.shape)
    y.backward(dy)
    expected.backward(dy)
    for p, w in zip(learned, wide, strict=True):
        np.testing.assert_allclose(p.grad, w.grad.sum(axis=1, keepdims=True), rtol=1e-6)
    lstm.zero_grad()
    y, _ = lstm(x, (wide[:half], None))
    assert same(y, expected), "what is not given is the learned one"
    y.backward(dy)
    assert [p.grad is None for p in learned] == [True] * half + [False] * half
    y, _, record = lstm.forward(x, (wide[:half], None))
    grads = lstm.backward(record, dy)[2]
    assert same(y, expected)
    assert [name in grads for name in names] == [False] * half + [True] * half
    assert all(same(grads[name], getattr(lstm, name).grad) for name in names[half:])
    lstm(x)[0].backward(dy)
    before = [p.grad.copy() for p in learned]
    lstm(x, (wide[:half], wide[half:]))[0].backward(dy)
    assert all(same(p.grad, g) for p, g in zip(learned, before, strict=True)), "a state that is given takes its place"


RANDOM = {"dropout": 0.3, "input_dropout": 0.3, "recurrent_dropout": 0.3, "zoneout": (0.2, 0.1), "weight_drop": 0.2}


@pytest.mark.parametrize("name", RANDOM)
def test_masks_are_drawn_in_training_only(name: str) -> None:
    options = {name: RANDOM[name], "num_layers": 2}
    lstm, x = LSTM(C, H, **options, seed=4), batch()
    first, second = lstm(x)[0], lstm(x)[0]
    assert not same(first, second)
    assert lstm.draws == 2
    twin = LSTM(C, H, **options, seed=4)
    assert same(twin(x)[0], first), "the same seed, the same masks"
    twin.draws = 1
    assert same(twin(x)[0], second), "a resumed run goes on with the next"
    with rl.no_grad():
        twin.draws = 0
        assert same(twin(x)[0], first)
    lstm.eval()
    assert same(lstm(x)[0], lstm(x)[0])
    assert lstm.train()(x)[0].shape == first.shape
    assert LSTM(C, H, num_layers=2, seed=5).draws == 0


def test_dropout_with_one_layer_does_nothing() -> None:
    assert same(LSTM(C, H, dropout=0.5)(batch())[0], LSTM(C, H)(batch())[0])


def test_recomputed_gradients_are_the_same_bits() -> None:
    x, lengths = batch(shape=(3, 30, C)), [30, 7, 19]
    options: dict[str, Any] = {"num_layers": 2, "learn_initial_state": True, **RANDOM}
    grads = []
    for recompute in (False, True):
        lstm = LSTM(C, H, **options, recompute=recompute)
        data = rl.Tensor(x, requires_grad=True)
        y, (h, c) = lstm(data, lengths=lengths)
        ((y * y).sum() + h.sum() - (c * c).sum()).backward()
        grads.append([y, data.grad, *(p.grad for p in lstm.parameters())])
    assert all(same(a, b) for a, b in zip(*grads, strict=True))
    with pytest.raises(ValueError, match="recompute must be False with both directions"):
        LSTM(C, H, bidirectional=True, recompute=True)


def test_seeds() -> None:
    first, again, other = (LSTM(C, H, seed=seed).state_dict() for seed in (1, 1, 2))
    for name in first:
        assert same(first[name], again[name])
        assert not same(first[name], other[name])


def test_first_values() -> None:
    bound = 1 / np.sqrt(H)
    lstm = LSTM(C, H)
    assert np.abs(lstm.weight_ih_l0.data).max() <= bound
    assert lstm.bias_l0.data[H : 2 * H].tolist() == [1.0] * H
    assert LSTM(C, H, cell=Cell(forget_bias=2.5)).bias_l0.data[H : 2 * H].tolist() == [2.5] * H
    assert np.abs(LSTM(C, H, cell=Cell(forget_bias=None)).bias_l0.data[H : 2 * H]).max() <= 2 * bound
    orthogonal = LSTM(C, H, init="orthogonal").weight_hh_l0.data.reshape(4, H, H)
    for gate in orthogonal:
        np.testing.assert_allclose(gate @ gate.T, np.eye(H), atol=1e-6)
    glorot = LSTM(C, H, init="glorot")
    assert 0.5 < np.abs(glorot.weight_ih_l0.data).max() / np.sqrt(6 / (C + H)) <= 1
    assert not glorot.bias_l0.data[:H].any()
    bias = LSTM(C, 200, init=Init.chrono(1000)).bias_l0.data
    assert same(bias[:200], -bias[200:400])
    assert bias[200:400].min() >= 0 and 6 < bias[200:400].max() <= np.log(999) + 1e-6


def test_cells() -> None:
    x = batch()
    outputs = {}
    cells = [Cell.ablation(name) for name in ("V", "NIG", "NFG", "NOG", "NIAF", "NOAF", "NP", "CIFG")]
    cells += [Cell.original_1997(), Cell(clip=0.1), Cell(input_activation="relu")]
    for cell in [*cells, Cell.peephole_2002(output_activation="identity")]:
        lstm = LSTM(C, H, cell=cell, seed=1, init="glorot")
        if cell.peephole:
            lstm.weight_peephole_l0.assign(batch(3, (3, H)))
        outputs[np.asarray(lstm(x)[0]).tobytes()] = cell
    assert len(outputs) == 11, "NOAF with peepholes is the last one, all others differ"
    assert Cell.gers_2000() == Cell() and Cell.ablation("NP") == Cell() and Cell.ablation("CIFG").coupled
    assert repr(Cell.peephole_2002(clip=5.0)) == "Cell(peephole=True, clip=5.0)"


def test_state_dict_round_trip() -> None:
    lstm, other = LSTM(C, H, 2, seed=1), LSTM(C, H, 2, seed=2)
    state = lstm.state_dict()
    state["weight_ih_l0"][...] += 0  # a copy, so writable
    assert same(lstm(batch())[0], lstm(batch())[0])
    assert not same(other(batch())[0], lstm(batch())[0])
    result = other.load_state_dict(state)
    assert (result.missing, result.unexpected) == ([], [])
    assert same(other(batch())[0], lstm(batch())[0])
    state["weight_ih_l0"][...] = 0
    assert lstm.weight_ih_l0.data.any() and other.weight_ih_l0.data.any()


def test_repacking_follows_the_version() -> None:
    lstm, x = LSTM(C, H), batch()
    before = lstm(x)[0].numpy()
    lstm.bias_l0.assign(np.zeros(4 * H))
    after = lstm(x)[0].numpy()
    assert not same(before, after)
    lstm.weight_ih_l0, kept = rl.nn.Parameter(np.zeros((4 * H, C))), lstm.weight_ih_l0
    assert not same(lstm(x)[0], after)
    lstm.weight_ih_l0 = kept
    assert same(lstm(x)[0], after)


def test_state_dict_errors_change_nothing() -> None:
    lstm = LSTM(C, H)
    before = lstm.state_dict()
    bad = {**before, "weight_hh_l0": np.zeros((2, 2)), "extra": np.zeros(1), "bias_l0": "text"}
    del bad["weight_ih_l0"]
    with pytest.raises(ValueError, match="nothing was loaded") as caught:
        lstm.load_state_dict(bad)
    sentence = str(caught.value)
    for part in (
        "missing: weight_ih_l0",
        "unexpected: extra",
        "weight_hh_l0 must have shape [24, 6], got [2, 2]",
        "bias_l0 must",
    ):
        assert part in sentence
    with pytest.raises(ValueError, match="weight_hh_l0 must have shape"):
        lstm.load_state_dict(bad, strict=False)
    assert all(same(before[name], value) for name, value in lstm.state_dict().items())
    result = lstm.load_state_dict({"bias_l0": np.ones(4 * H), "extra": 3}, strict=False)
    assert (result.missing, result.unexpected) == (["weight_ih_l0", "weight_hh_l0"], ["extra"])
    assert lstm.bias_l0.data.all()


def test_torchs_state_dict() -> None:
    lstm = LSTM(C, H, 2, bidirectional=True, proj_size=3)
    ours, torchs = lstm.state_dict(), lstm.state_dict(torch=True)
    names = {n.replace("bias_", f"bias_{part}_") if n.startswith("bias") else n for n in ours for part in ("ih", "hh")}
    assert set(torchs) == names
    assert not torchs["bias_hh_l1_reverse"].any()
    for name in torchs:
        if name.startswith("bias_hh"):
            torchs[name] = batch(1, torchs[name].shape)
    lstm.load_state_dict(torchs)
    assert same(lstm.bias_l0.data, ours["bias_l0"] + torchs["bias_hh_l0"])
    del torchs["bias_hh_l0"]
    with pytest.raises(ValueError, match="missing: bias_l0; unexpected: bias_ih_l0"):
        lstm.load_state_dict(torchs)


class Two(rl.nn.Module):
    """A module with modules."""

    def __init__(self) -> None:
        self.encoder = LSTM(C, H, seed=1)
        self.stack = [LSTM(H, 2, dropout=0.5, num_layers=2), LSTM(2, 2)]
        self.shared = self.encoder
        self.gain = rl.nn.Parameter([2.0])


def test_modules_of_modules() -> None:
    two, other = Two(), Two()
    names = [name for name, _ in two.named_parameters()]
    assert names[:2] == ["gain", "encoder.weight_ih_l0"]
    assert "stack.0.weight_hh_l1" in names and not any(name.startswith("shared") for name in names)
    assert len(list(two.parameters())) == 1 + 3 + 6 + 3
    two.encoder.bias_l0.assign(np.ones(4 * H))
    state = two.state_dict(torch=True)
    assert "shared.bias_ih_l0" in state and "stack.1.bias_hh_l0" in state
    other.load_state_dict(state)
    assert same(other.encoder.bias_l0, two.encoder.bias_l0)
    assert other.eval() is other
    assert not other.stack[0].training
    out = io.StringIO()
    two.summary(out)
    assert "encoder.weight_ih_l0" in out.getvalue() and out.getvalue().rstrip().endswith(
        f"{sum(p.size for p in two.parameters()):,}"
    )


def test_summary_prints(capsys: pytest.CaptureFixture[str]) -> None:
    LSTM(1000, 100).summary()
    assert capsys.readouterr().out.splitlines()[-1].split() == ["total", "440,400"]


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(clone: Any) -> None:
    lstm = LSTM(C, [H, 2], cell=Cell(peephole=True), learn_initial_state=True, dropout=0.2, init=Init.chrono(50)).eval()
    twin = clone(lstm)
    x = batch()
    assert same(twin(x)[0], lstm(x)[0])
    assert repr(twin) == repr(lstm)
    if clone is not copy.copy:
        twin.bias_l0.assign(np.zeros(4 * H))
        assert not same(twin(x)[0], lstm(x)[0])


def test_repr() -> None:
    assert repr(LSTM(3, 5)) == "LSTM(3, 5)"
    lstm = LSTM(
        3, 5, 2, bidirectional=True, merge="sum", zoneout=0.1, cell=Cell(coupled=True), init=Init.chrono(9), seed=3
    )
    assert eval(repr(lstm), {"LSTM": LSTM, "Cell": Cell, "Init": Init}).hidden_sizes == [5, 5]
    assert repr(LSTM(3, [5, 6])) == "LSTM(3, [5, 6])"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 5), {}), "input_size must be at least 1, got 0"),
        (((3.5, 5), {}), "input_size must be an integer, got float"),
        (((3, []), {}), "hidden_size must name at least one layer"),
        (((3, [4, 0]), {}), r"hidden_size\[1\] must be at least 1, got 0"),
        (((3, [4, 5], 3), {}), "hidden_size has 2 layers and num_layers says 3"),
        (((3, 5, 0), {}), "num_layers must be at least 1"),
        (((3, 5), {"merge": "average"}), "merge must be"),
        (((3, 5), {"dropout": 1.5}), "dropout must be"),
        (((3, 5), {"dropout": float("nan")}), "dropout must be"),
        (((3, 5), {"zoneout": (0.1, -0.1)}), "zoneout.* must be"),
        (((3, 5), {"zoneout": (0.1, 0.1, 0.1)}), "zoneout must be a number or a pair"),
        (((3, 5), {"proj_size": 0}), "proj_size must be at least 1"),
        (((3, 5), {"proj_size": 6}), "proj_size must be"),
        (((3, 5), {"init": "normal"}), "init must be one of 'uniform', 'glorot', 'orthogonal', got 'normal'"),
        (((3, 5), {"init": "chrono"}), r"Init\(t_max="),
        (((3, 5), {"seed": -1}), "seed must be in"),
        (((3, 5), {"seed": 2**64}), "seed must be in"),
        (((3, 5), {"dropout": "a"}), "dropout must be a number, got 'a'"),
        (((3, 5), {"zoneout": "ab"}), "zoneout must be a number, got 'ab'"),
        (((3, 5), {"merge": None}), 'merge must be "concat", .* got None'),
        (((3, 5), {"layer_norm": "no"}), "layer_norm must be True or False, got 'no'"),
        (((3, 5), {"cell": "peephole"}), "cell must be a Cell or None, got str"),
        (((3, 5), {"init": 3}), "init must be a name or an Init, got int"),
    ],
)
def test_wrong_options(arguments: Any, message: str) -> None:
    positional, named = arguments
    with pytest.raises((ValueError, TypeError), match=message):
        LSTM(*positional, **named)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cell(input_activation="gelu"), "input_activation must be one of tanh, .* got 'gelu'"),
        (lambda: Cell(clip=0), "clip must be above 0"),
        (lambda: Cell(clip="a"), "clip must be a number, got 'a'"),
        (lambda: Cell(forget_bias=float("nan")), "forget_bias must be finite or None, got nan"),
        (lambda: Cell(peephole=1), "peephole must be True or False, got 1"),
        (lambda: Cell(coupled=True, input_gate=False), "coupled ties"),
        (lambda: Cell.ablation("FGR"), "ablation must be one of V, NIG"),
        (lambda: Init(t_max=1), "t_max must be above 2"),
        (lambda: rl.set_num_threads(0), "must be"),
    ],
)
def test_other_wrong_options(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_empty_batches_and_sequences() -> None:
    lstm = LSTM(C, H, 2, bidirectional=True)
    for shape in ((0, T, C), (B, 0, C), (0, 0, C)):
        x = rl.Tensor(np.zeros(shape), requires_grad=True)
        y, (h, _) = lstm(x)
        assert y.shape == (*shape[:2], 2 * H)
        assert h.shape == (4, shape[0], H)
        y.backward(np.zeros(y.shape))
        assert x.grad.shape == shape


def test_build_info() -> None:
    info = rl.build_info()
    assert info["version"] == rl.__version__
    assert info["level"] in info["levels"]
    assert info["threads"] == rl.get_num_threads()
