"""rustlstm, through the Python face that users have."""

from __future__ import annotations

import numpy as np

import rustlstm as rl
from versus.shapes import MODES as MODES
from versus.shapes import TRAINING, Shape
from versus.work import Arrays


def version() -> str:
    """What was measured, with the level of instructions it chose."""
    info = rl.build_info()
    return f"{info['version']} ({info['level']})"


def prepare(shape: Shape, arrays: Arrays, mode: str, threads: int) -> Job:
    """A job with the parameters loaded."""
    rl.set_num_threads(threads)
    return Job(shape, arrays, mode)


class Job:
    """y = lstm(x), and y.backward(dy) in training."""

    def __init__(self, shape: Shape, arrays: Arrays, mode: str) -> None:
        self.lstm = rl.nn.LSTM(
            shape.input_size, shape.hidden_size, shape.layers, bidirectional=shape.directions == 2, seed=0
        )
        self.lstm.load_state_dict({name: arrays[name] for name in shape.parameters()})
        self.array, self.dy = arrays["x"], arrays["dy"]
        self.mode = mode

    def run(self) -> None:
        """One call; gradients start from nothing each time, as in training."""
        if self.mode == TRAINING:
            self.lstm.zero_grad()
            self.x = rl.Tensor(self.array, requires_grad=True)
            self.y, self.state = self.lstm(self.x)
            self.y.backward(self.dy)
        else:
            with rl.no_grad():
                self.y, self.state = self.lstm(self.array)

    def results(self) -> Arrays:
        """What the last call gave."""
        h, c = self.state
        results = {"y": np.asarray(self.y), "h": np.asarray(h), "c": np.asarray(c)}
        if self.mode == TRAINING:
            results["dx"] = np.asarray(self.x.grad)
            results |= {name: np.asarray(value.grad) for name, value in self.lstm.named_parameters()}
        return results
