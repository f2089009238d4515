"""Characters drawn one after another: an embedding, LSTM layers, a linear layer, softmax at a temperature, and a draw.

A call draws `TOKENS` characters, each fed back, from a state of zeros. Before anything is timed two things are held
against float64: the logits along a given text, and how likely the drawn characters are; draws differ between
libraries, but by the same model at the same temperature they are equally likely on average.
"""

from __future__ import annotations

import numpy as np

from versus import work
from versus.shapes import Shape
from versus.work import Array, Arrays

TOKENS = 128
TEMPERATURE = 0.8
# The first character; the draws are what follows it.
FIRST = 1
# A fresh head gives nearly equal logits, and a wrong temperature would not show. The head is scaled until logits have
# this standard deviation along the given text: each character is then about as open as among ten equally likely ones.
SPREAD = 3.0
# So many calls' characters are held against the model, and so many standard errors off is refused.
CALLS = 4
ERRORS = 4.5


def draw(shape: Shape) -> Arrays:
    """Parameters, the embedding [V, E] among them, and the given text [T]."""
    drawn = work.draw(shape)
    arrays = {name: drawn[name] for name in [*shape.parameters(), *shape.head_parameters()]}
    rng = np.random.default_rng(1)
    arrays["embedding"] = rng.standard_normal((shape.head, shape.input_size)).astype(np.float32)
    arrays["tokens"] = rng.integers(0, shape.head, shape.steps)
    spread = logits(shape, arrays, arrays["tokens"]).std(axis=1).mean()
    for name in shape.head_parameters():
        arrays[name] = arrays[name] * np.float32(SPREAD / spread)
    return arrays


def logits(shape: Shape, arrays: Arrays, tokens: Array) -> Array:
    """The logits [T, V] along a text [T], in float64."""
    weights = {name: arrays[name].astype(np.float64) for name in shape.parameters()}
    outputs, _ = work.forward(shape, weights, arrays["embedding"].astype(np.float64)[tokens][None])
    found: Array = outputs["y"][0] @ arrays["head_weight"].astype(np.float64).T + arrays["head_bias"]
    return found


def check_drawn(shape: Shape, arrays: Arrays, drawn: Array) -> None:
    """Raises if characters [calls, TOKENS] are not such as the model gives at the temperature."""
    if drawn.shape != (CALLS, TOKENS):
        raise ValueError(f"drawn: expected shape {(CALLS, TOKENS)}, got {drawn.shape}")
    if len({tuple(row) for row in drawn.tolist()}) < CALLS:
        raise ValueError("drawn: two calls drew the same characters")
    off = variance = 0.0
    for row in drawn:
        tempered = logits(shape, arrays, np.concatenate([[FIRST], row[:-1]])) / TEMPERATURE
        tempered -= tempered.max(axis=1, keepdims=True)
        logs = tempered - np.log(np.exp(tempered).sum(axis=1, keepdims=True))
        chances = np.exp(logs)
        means = (chances * logs).sum(axis=1)
        off += float((logs[np.arange(len(row)), row] - means).sum())
        variance += float((chances * logs**2).sum() - (means**2).sum())
    if not abs(off) <= ERRORS * variance**0.5:
        raise ValueError(f"drawn: {off / variance**0.5:+.1f} standard errors from what the model draws on average")
