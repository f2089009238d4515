"""Two hundred training steps beside torch: the same model, the same numbers, the same losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rustlstm as rl

pytestmark = pytest.mark.torch

STEPS = 200
# Of a loss, relative. Both libraries round on their own, and two hundred steps let the differences grow. Where a rate
# is so high that a run is chaotic, torch in float32 is as far from torch in float64 as from us; those below are not.
BOUND = 1e-4


def ours(
    kind: str, lstm: rl.nn.LSTM, head: rl.nn.Linear, optimizer: rl.optim.Optimizer, x: np.ndarray, y: np.ndarray
) -> float:
    optimizer.zero_grad()
    out, _ = lstm(x)
    if kind == "number":
        loss = rl.losses.mse(head(out[:, -1]), y)
    else:
        loss = rl.losses.cross_entropy(head(out), y)
    loss.backward()
    rl.optim.clip_grad_norm([*lstm.parameters(), *head.parameters()], 1.0)
    optimizer.step()
    return loss.item()


def theirs(
    kind: str,
    lstm: torch.nn.LSTM,
    head: torch.nn.Linear,
    optimizer: torch.optim.Optimizer,
    parameters: list[torch.nn.Parameter],
    x: np.ndarray,
    y: np.ndarray,
) -> float:
    optimizer.zero_grad()
    out, _ = lstm(torch.from_numpy(x))
    target = torch.from_numpy(y)
    if kind == "number":
        loss = torch.nn.functional.mse_loss(head(out[:, -1]), target)
    else:
        loss = torch.nn.functional.cross_entropy(head(out).flatten(0, 1), target.flatten())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    return float(loss.detach())


# SGD has to go slowly where one number is to be met, and fast where seven classes are.
RATES = {"Adam": (3e-3, 3e-3), "SGD": (5e-3, 5e-2), "AdamW": (3e-3, 3e-3)}


def options(name: str, kind: str) -> dict[str, Any]:
    return {"lr": RATES[name][kind == "classes"], **({"momentum": 0.9, "nesterov": True} if name == "SGD" else {})}


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize(("kind", "layers", "both"), [("number", 1, False), ("classes", 2, True)])
def test_losses_follow_torch(name: str, kind: str, layers: int, both: bool) -> None:
    rng = np.random.default_rng(0)
    outputs = 1 if kind == "number" else 7
    lstm = rl.nn.LSTM(4, 16, layers, bidirectional=both, seed=1)
    head = rl.nn.Linear(16 * (1 + both), outputs, seed=2)
    torch_lstm = torch.nn.LSTM(4, 16, layers, bidirectional=both, batch_first=True)
    torch_lstm.load_state_dict({n: torch.from_numpy(v) for n, v in lstm.state_dict(torch=True).items()})
    torch_head = torch.nn.Linear(16 * (1 + both), outputs)
    torch_head.load_state_dict({n: torch.from_numpy(v) for n, v in head.state_dict(torch=True).items()})
    for parameter_name, parameter in torch_lstm.named_parameters():
        # One bias is enough, and two would learn twice as fast.
        parameter.requires_grad_("bias_hh" not in parameter_name)
    parameters = [p for p in [*torch_lstm.parameters(), *torch_head.parameters()] if p.requires_grad]

    optimizer = getattr(rl.optim, name)([*lstm.parameters(), *head.parameters()], **options(name, kind))
    torch_optimizer = getattr(torch.optim, name)(parameters, **options(name, kind))
    pairs = []
    for _ in range(STEPS):
        x = rng.standard_normal((8, 12, 4), dtype=np.float32)
        if kind == "number":
            y = x.sum(axis=(1, 2), keepdims=True)[:, 0] / 4
        else:
            y = np.digitize(np.cumsum(x[..., 0], axis=1), np.linspace(-2, 2, outputs - 1)).astype(np.int64)
        pairs.append(
            (
                ours(kind, lstm, head, optimizer, x, y),
                theirs(kind, torch_lstm, torch_head, torch_optimizer, parameters, x, y),
            )
        )
    got, expected = np.array(pairs).T
    worst = float(np.abs(got / expected - 1).max())
    print(f"{name}, {kind}: loss {got[0]:.3f} -> {got[-1]:.3f}; off by at most {worst:.1e} in {STEPS} steps")
    assert got[-20:].mean() < 0.9 * got[:20].mean(), "it learns"
    assert worst < BOUND
