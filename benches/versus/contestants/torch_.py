"""torch.nn.LSTM: time-major, forward under inference_mode."""

from __future__ import annotations

import torch

from versus.shapes import MODES as MODES
from versus.shapes import TRAINING, Shape
from versus.work import Arrays


def version() -> str:
    """What was measured."""
    return torch.__version__


def prepare(shape: Shape, arrays: Arrays, mode: str, threads: int) -> Job:
    """A job with the parameters loaded."""
    torch.set_num_threads(threads)
    return Job(shape, arrays, mode)


class Job:
    """y = lstm(x), and y.backward(dy) in training."""

    def __init__(self, shape: Shape, arrays: Arrays, mode: str) -> None:
        self.lstm = torch.nn.LSTM(
            shape.input_size, shape.hidden_size, shape.layers, bidirectional=shape.directions == 2
        )
        state = {}
        for name in shape.parameters():
            value = torch.from_numpy(arrays[name])
            if name.startswith("bias"):
                state[name.replace("bias", "bias_ih")] = value
                state[name.replace("bias", "bias_hh")] = torch.zeros_like(value)
            else:
                state[name] = value
        self.lstm.load_state_dict(state)
        self.x = torch.from_numpy(arrays["x"]).transpose(0, 1).contiguous()
        self.dy = torch.from_numpy(arrays["dy"]).transpose(0, 1).contiguous()
        self.mode = mode

    def run(self) -> None:
        """One call; gradients start from nothing each time, as in training."""
        if self.mode == TRAINING:
            self.lstm.zero_grad(set_to_none=True)
            self.x.requires_grad_()
            self.x.grad = None
            self.y, self.state = self.lstm(self.x)
            self.y.backward(self.dy)
        else:
            with torch.inference_mode():
                self.y, self.state = self.lstm(self.x)

    def results(self) -> Arrays:
        """What the last call gave."""
        h, c = self.state
        results = {"y": self.y.transpose(0, 1), "h": h, "c": c}
        if self.mode == TRAINING:
            results["dx"] = self.x.grad.transpose(0, 1)
            for name, value in self.lstm.named_parameters():
                results[name.replace("bias_ih", "bias")] = value.grad
        return {name: value.detach().numpy() for name, value in results.items()}
