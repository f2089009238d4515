"""rustlstm, through the Python face that users have."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

import rustlstm as rl
from versus import sample, single
from versus.shapes import FORWARD, RAGGED, SAMPLING, SINGLE, STEP, Shape
from versus.shapes import MODES as MODES
from versus.step import BETAS, CLIP_NORM, COMPARED, EPSILON, LEARNING_RATE
from versus.work import Arrays


def version() -> str:
    """What was measured, with the level of instructions it chose."""
    info = rl.build_info()
    return f"{info['version']} ({info['level']})"


def unknown(options: Iterable[str]) -> list[str]:
    """Those that the layer of this version does not have."""
    known = inspect.signature(rl.nn.LSTM).parameters
    return [name for name in options if name not in known]


def prepare(shape: Shape, arrays: Arrays, mode: str, threads: int, **options: Any) -> Any:
    """A job with the parameters loaded; options are those of the layer."""
    rl.set_num_threads(threads)
    if mode == SAMPLING:
        return Sampling(shape, arrays)
    if mode == SINGLE:
        return Stream(shape, arrays)
    if mode == STEP:
        return Step(shape, arrays)
    return Job(shape, arrays, mode, **options)


class Job:
    """y = lstm(x), and y.backward(dy) in training; options are those of the layer."""

    def __init__(self, shape: Shape, arrays: Arrays, mode: str, **options: Any) -> None:
        both = shape.directions == 2
        self.lstm = rl.nn.LSTM(shape.input_size, shape.hidden_size, shape.layers, bidirectional=both, seed=0, **options)
        self.lstm.load_state_dict({name: arrays[name] for name in shape.parameters()})
        self.mode = mode
        self.feed(arrays)

    def feed(self, arrays: Arrays) -> None:
        """Other inputs for the same layer."""
        self.array, self.dy = arrays["x"], arrays["dy"]
        self.lengths = arrays["lengths"] if self.mode == RAGGED else None

    def run(self) -> None:
        """One call; gradients start from nothing each time, as in training."""
        if self.mode == FORWARD:
            with rl.no_grad():
                self.y, self.state = self.lstm(self.array)
        else:
            self.lstm.zero_grad()
            self.x = rl.Tensor(self.array, requires_grad=True)
            self.y, self.state = self.lstm(self.x, lengths=self.lengths)
            self.y.backward(self.dy)

    def results(self) -> Arrays:
        """What the last call gave."""
        h, c = self.state
        results = {"y": np.asarray(self.y), "h": np.asarray(h), "c": np.asarray(c)}
        if self.mode != FORWARD:
            results["dx"] = np.asarray(self.x.grad)
            results |= {name: np.asarray(value.grad) for name, value in self.lstm.named_parameters()}
        return results


class Step:
    """A training step, as a user writes it."""

    def __init__(self, shape: Shape, arrays: Arrays) -> None:
        self.lstm = rl.nn.LSTM(shape.input_size, shape.hidden_size, shape.layers, seed=0)
        self.lstm.load_state_dict({name: arrays[name] for name in shape.parameters()})
        self.head = rl.nn.Linear(shape.hidden_size, shape.head)
        self.head.load_state_dict({"weight": arrays["head_weight"], "bias": arrays["head_bias"]})
        self.parameters = [*self.lstm.parameters(), *self.head.parameters()]
        self.optimizer = rl.optim.Adam(self.parameters, LEARNING_RATE, betas=BETAS, eps=EPSILON)
        self.x, self.target, self.shape = arrays["x"], arrays["target"], shape
        self.losses: list[float] = []

    def run(self) -> None:
        """One step."""
        self.optimizer.zero_grad()
        y, _ = self.lstm(self.x)
        if self.shape.head == 1:
            loss = rl.losses.mse(self.head(y[:, -1]), self.target)
        else:
            loss = rl.losses.cross_entropy(self.head(y), self.target)
        loss.backward()
        rl.optim.clip_grad_norm(self.parameters, CLIP_NORM)
        self.optimizer.step()
        if len(self.losses) < COMPARED:
            self.losses.append(loss.item())

    def results(self) -> Arrays:
        """The losses of the first steps."""
        while len(self.losses) < COMPARED:
            self.run()
        return {"losses": np.array(self.losses, np.float32)}


class Sampling:
    """`generate`, as a user calls it."""

    def __init__(self, shape: Shape, arrays: Arrays) -> None:
        self.model = rl.nn.LanguageModel(shape.head, shape.input_size, shape.hidden_size, shape.layers)
        state = {f"lstm.{name}": arrays[name] for name in shape.parameters()}
        state |= {f"head.{name}": arrays[f"head_{name}"] for name in ("weight", "bias")}
        self.model.load_state_dict(state | {"embedding.weight": arrays["embedding"]})
        self.filters = [rl.sampling.Temperature(sample.TEMPERATURE)]
        self.text, self.calls = arrays["tokens"], 0

    def run(self) -> None:
        """One call, with a seed of its own."""
        self.calls += 1
        self.drawn = rl.sampling.generate(
            self.model, [sample.FIRST], length=sample.TOKENS, filters=self.filters, seed=self.calls
        ).tokens

    def results(self) -> Arrays:
        """The logits along the given text, and what some calls draw."""
        stream = self.model.token_stream()
        logits = np.concatenate([stream.step([token]) for token in self.text.tolist()])
        drawn = []
        for _ in range(sample.CALLS):
            self.run()
            drawn.append(self.drawn)
        return {"logits": logits, "drawn": np.stack(drawn)}


class Stream(single.Steps):
    """A stream, as a deployer goes along it: an array in, an array out."""

    way = "stream"

    def __init__(self, shape: Shape, arrays: Arrays) -> None:
        self.lstm = rl.nn.LSTM(shape.input_size, shape.hidden_size, shape.layers, seed=0)
        self.lstm.load_state_dict({name: arrays[name] for name in shape.parameters()})
        self.stream = self.lstm.stream()
        self.xs = list(arrays["x"].swapaxes(0, 1).copy())
        self.step = partial(self.stream.step, out=np.empty((1, shape.hidden_size), np.float32))

    def begin(self) -> None:
        """Back to a state of zeros."""
        self.stream.reset()

    def state(self) -> tuple[Any, Any]:
        """The state (h, c)."""
        return self.stream.state
