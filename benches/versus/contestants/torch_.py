"""torch.nn.LSTM: time-major, forward under inference_mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from versus import sample, single
from versus.shapes import FORWARD, RAGGED, SAMPLING, SINGLE, STEP, Shape
from versus.shapes import MODES as MODES
from versus.step import BETAS, CLIP_NORM, COMPARED, EPSILON, LEARNING_RATE
from versus.work import Arrays


def version() -> str:
    """What was measured."""
    return torch.__version__


def prepare(shape: Shape, arrays: Arrays, mode: str, threads: int) -> Any:
    """A job with the parameters loaded."""
    torch.set_num_threads(threads)
    if mode == SAMPLING:
        return Sampling(shape, arrays)
    if mode == SINGLE:
        return single.quickest([Single(shape, arrays, form, count) for form in FORMS for count in {1, threads}])
    if mode == RAGGED:
        return Packed(shape, arrays, mode)
    return (Step if mode == STEP else Job)(shape, arrays, mode)


def named(shape: Shape, arrays: Arrays) -> dict[str, torch.Tensor]:
    """The LSTM's parameters in torch's words; of its two biases the second is zero."""
    state = {}
    for name in shape.parameters():
        value = torch.from_numpy(arrays[name])
        if name.startswith("bias"):
            state[name.replace("bias", "bias_ih")] = value
            state[name.replace("bias", "bias_hh")] = torch.zeros_like(value)
        else:
            state[name] = value
    return state


class Job:
    """y = lstm(x), and y.backward(dy) in training."""

    def __init__(self, shape: Shape, arrays: Arrays, mode: str) -> None:
        self.lstm = torch.nn.LSTM(
            shape.input_size, shape.hidden_size, shape.layers, bidirectional=shape.directions == 2
        )
        self.lstm.load_state_dict(named(shape, arrays))
        self.mode = mode
        self.feed(arrays)

    def feed(self, arrays: Arrays) -> None:
        """Other inputs for the same layer."""
        self.x = torch.from_numpy(arrays["x"]).transpose(0, 1).contiguous()
        self.dy = torch.from_numpy(arrays["dy"]).transpose(0, 1).contiguous()

    def run(self) -> None:
        """One call; gradients start from nothing each time, as in training."""
        if self.mode == FORWARD:
            with torch.inference_mode():
                self.y, self.state = self.lstm(self.x)
        else:
            self.lstm.zero_grad(set_to_none=True)
            self.x.requires_grad_()
            self.x.grad = None
            self.y, self.state = self.lstm(self.x)
            self.y.backward(self.dy)

    def results(self) -> Arrays:
        """What the last call gave."""
        h, c = self.state
        results = {"y": self.y.transpose(0, 1), "h": h, "c": c}
        if self.mode != FORWARD:
            results |= {"dx": gradient(self.x).transpose(0, 1)} | gradients(self.lstm)
        return {name: value.detach().numpy() for name, value in results.items()}


class Packed(Job):
    """The same over rows of different lengths, packed beforehand: one long matrix, and how many rows each step has."""

    def __init__(self, shape: Shape, arrays: Arrays, mode: str) -> None:
        super().__init__(shape, arrays, mode)
        lengths = torch.from_numpy(arrays["lengths"])
        self.packed, dy = (pack_padded_sequence(value, lengths, enforce_sorted=False) for value in (self.x, self.dy))
        self.dy, self.steps = dy.data, shape.steps

    def run(self) -> None:
        """One call."""
        self.lstm.zero_grad(set_to_none=True)
        self.packed.data.requires_grad_()
        self.packed.data.grad = None
        self.y, self.state = self.lstm(self.packed)
        self.y.data.backward(self.dy)

    def results(self) -> Arrays:
        """What the last call gave."""

        def padded(data: torch.Tensor) -> torch.Tensor:
            return pad_packed_sequence(PackedSequence(data, *self.packed[1:]), True, total_length=self.steps)[0]

        h, c = self.state
        results = {"y": padded(self.y.data), "h": h, "c": c, "dx": padded(gradient(self.packed.data))}
        return {name: value.detach().numpy() for name, value in (results | gradients(self.lstm)).items()}


def gradients(lstm: torch.nn.LSTM) -> dict[str, torch.Tensor]:
    """The gradients of the parameters in our words; those of the two biases are the same."""
    return {name.replace("bias_ih", "bias"): gradient(value) for name, value in lstm.named_parameters()}


def gradient(value: torch.Tensor) -> torch.Tensor:
    """The gradient that a backward pass has left."""
    assert value.grad is not None
    return value.grad


class Step:
    """A training step, time-major, as a user writes it."""

    def __init__(self, shape: Shape, arrays: Arrays, mode: str) -> None:
        job = Job(shape, arrays, mode)
        self.lstm, self.x, self.shape = job.lstm, job.x, shape
        self.head = torch.nn.Linear(shape.hidden_size, shape.head)
        self.head.load_state_dict(
            {"weight": torch.from_numpy(arrays["head_weight"]), "bias": torch.from_numpy(arrays["head_bias"])}
        )
        self.parameters = [*self.lstm.parameters(), *self.head.parameters()]
        # The second bias of torch would learn as well, and twice as fast is another model.
        for name, value in self.lstm.named_parameters():
            value.requires_grad_(not name.startswith("bias_hh"))
        self.parameters = [value for value in self.parameters if value.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, LEARNING_RATE, betas=BETAS, eps=EPSILON)
        target = torch.from_numpy(arrays["target"])
        self.target = target if shape.head == 1 else target.T.reshape(-1).contiguous()
        self.losses: list[float] = []

    def run(self) -> None:
        """One step."""
        self.optimizer.zero_grad(set_to_none=True)
        y, _ = self.lstm(self.x)
        if self.shape.head == 1:
            loss = torch.nn.functional.mse_loss(self.head(y[-1]), self.target)
        else:
            loss = torch.nn.functional.cross_entropy(self.head(y).reshape(-1, self.shape.head), self.target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, CLIP_NORM)
        self.optimizer.step()
        if len(self.losses) < COMPARED:
            self.losses.append(loss.item())

    def results(self) -> Arrays:
        """The losses of the first steps."""
        while len(self.losses) < COMPARED:
            self.run()
        return {"losses": np.array(self.losses, np.float32)}


class Sampling:
    """A loop over `torch.nn.LSTM` with its state, the drawn token staying a tensor."""

    def __init__(self, shape: Shape, arrays: Arrays) -> None:
        self.lstm = torch.nn.LSTM(shape.input_size, shape.hidden_size, shape.layers)
        self.lstm.load_state_dict(named(shape, arrays))
        self.embedding = torch.nn.Embedding.from_pretrained(torch.from_numpy(arrays["embedding"]))
        self.head = torch.nn.Linear(shape.hidden_size, shape.head)
        self.head.load_state_dict(
            {"weight": torch.from_numpy(arrays["head_weight"]), "bias": torch.from_numpy(arrays["head_bias"])}
        )
        self.text = torch.from_numpy(arrays["tokens"])
        torch.manual_seed(0)

    def run(self) -> None:
        """One call."""
        token, state, found = torch.tensor([[sample.FIRST]]), None, []
        with torch.inference_mode():
            for _ in range(sample.TOKENS):
                y, state = self.lstm(self.embedding(token), state)
                chances = torch.softmax(self.head(y[0]) / sample.TEMPERATURE, dim=-1)
                token = torch.multinomial(chances, 1)
                found.append(token)
            self.drawn = torch.cat(found)[:, 0].numpy()

    def results(self) -> Arrays:
        """The logits along the given text, step by step, and what some calls draw."""
        state, logits, drawn = None, [], []
        with torch.inference_mode():
            for token in self.text:
                y, state = self.lstm(self.embedding(token.reshape(1, 1)), state)
                logits.append(self.head(y[0]))
        for _ in range(sample.CALLS):
            self.run()
            drawn.append(self.drawn)
        return {"logits": torch.cat(logits).numpy(), "drawn": np.stack(drawn)}


FORMS = ("nn.LSTM", "nn.LSTMCell", "lstm_cell")


class Single(single.Steps):
    """Single steps: the layer over a sequence of one, the module of a step, or the function that it calls."""

    def __init__(self, shape: Shape, arrays: Arrays, form: str, threads: int) -> None:
        self.way, self.threads = f"{form}, threads: {threads}", threads
        self.last: Any = None
        state = named(shape, arrays)
        x, self.zero = torch.from_numpy(arrays["x"].swapaxes(0, 1).copy()), torch.zeros(1, shape.hidden_size)
        if form == "nn.LSTM":
            x, self.zero = x[:, None], self.zero[None]
            lstm = torch.nn.LSTM(shape.input_size, shape.hidden_size)
            lstm.load_state_dict(state)

            def step(x: torch.Tensor) -> Any:
                y, self.last = lstm(x, self.last)
                return y

        elif form == "nn.LSTMCell":
            cell = torch.nn.LSTMCell(shape.input_size, shape.hidden_size)
            cell.load_state_dict({name.removesuffix("_l0"): value for name, value in state.items()})

            def step(x: torch.Tensor) -> Any:
                self.last = cell(x, self.last)
                return self.last[0]

        else:
            w, r, b, zero = (state[f"{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))

            def step(x: torch.Tensor) -> Any:
                self.last = torch.lstm_cell(x, self.last, w, r, b, zero)
                return self.last[0]

        self.xs, self.step = list(x), step

    def begin(self) -> None:
        """Back to a state of zeros; the number of threads is the process's."""
        torch.set_num_threads(self.threads)
        self.last = self.zero, self.zero

    def state(self) -> Any:
        """The state (h, c)."""
        return self.last

    # Once around the loop, as whoever serves a model does it.
    run = torch.inference_mode()(single.Steps.run)
    results = torch.inference_mode()(single.Steps.results)
