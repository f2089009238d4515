"""The shapes that every speed figure of the project is about, and how many operations they cost."""

from __future__ import annotations

from dataclasses import dataclass

FORWARD = "forward"
TRAINING = "forward+backward"
STEP = "training step"
SAMPLING = "sampling"
SINGLE = "single step"
# Training on rows of different lengths: told of them, or given the padded batch as if all of it counted.
RAGGED = "ragged"
PADDED = "padded"
MODES = (FORWARD, TRAINING, STEP, SAMPLING, SINGLE, RAGGED, PADDED)


@dataclass(frozen=True)
class Shape:
    """A stack of LSTM layers and the batch it sees: x is [B, T, C]."""

    name: str
    input_size: int
    hidden_size: int
    batch: int
    steps: int
    layers: int = 1
    directions: int = 1
    # Outputs of the linear layer that a training step puts on top: 1 predicts a number from the last step, more give
    # the logits of a class at every step; 0 where training steps are not measured.
    head: int = 0
    # The modes that alone are measured, if it is not the layer itself. Sampling: `head` is the vocabulary, `input_size`
    # the width of the embedding, `steps` the length of the text along which logits are compared. Single steps: `steps`
    # is how many of them one call goes, and how many are compared.
    only: tuple[str, ...] = ()
    # Of rows of different lengths the shortest that is drawn; the longest has all steps.
    shortest: int = 0

    def __str__(self) -> str:
        stack = f"{self.layers} × " if self.layers > 1 else ""
        if SAMPLING in self.only:
            return f"{self.head}→{self.input_size}→{stack}{self.hidden_size}→{self.head}"
        both = ", both directions" if self.directions == 2 else ""
        if SINGLE in self.only:
            return f"{stack}{self.input_size}→{self.hidden_size}"
        steps = f"{self.shortest}–{self.steps}" if self.shortest else f"{self.steps}"
        return f"{stack}{self.input_size}→{self.hidden_size}, {self.batch}, {steps}{both}"

    def flops(self, mode: str) -> float:
        """Multiplies and adds of the matrix products of one call; a backward pass has twice those of a forward pass."""
        forward = 0.0
        for layer in range(self.layers):
            inputs = self.input_size if layer == 0 else self.hidden_size * self.directions
            per_step = 8.0 * self.batch * self.hidden_size * (inputs + self.hidden_size)
            forward += self.directions * self.steps * per_step
        return forward if mode == FORWARD else 3.0 * forward

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter, rustlstm's words: gates i, f, g, o and one bias."""
        rows = 4 * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(self.layers):
            inputs = self.input_size if layer == 0 else self.hidden_size * self.directions
            for side in ("", "_reverse")[: self.directions]:
                shapes[f"weight_ih_l{layer}{side}"] = (rows, inputs)
                shapes[f"weight_hh_l{layer}{side}"] = (rows, self.hidden_size)
                shapes[f"bias_l{layer}{side}"] = (rows,)
        return shapes

    def head_parameters(self) -> dict[str, tuple[int, ...]]:
        """The same for the linear layer on top."""
        return {"head_weight": (self.head, self.hidden_size * self.directions), "head_bias": (self.head,)}

    def has(self, mode: str) -> bool:
        """Whether the shape is measured in this mode."""
        if self.only:
            return mode in self.only
        return mode in (FORWARD, TRAINING) or (mode == STEP and self.head > 0)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("db512x16", 512, 512, 16, 25),
        Shape("db512x64", 512, 512, 64, 25),
        Shape("db1024x64", 1024, 1024, 64, 25),
        Shape("db1536x8", 1536, 1536, 8, 50),
        Shape("db256x16", 256, 256, 16, 150),
        Shape("db256x64", 256, 256, 64, 150),
        Shape("charrnn", 65, 128, 50, 50, layers=2, head=65),
        Shape("wordlm", 200, 200, 20, 35, layers=2),
        Shape("series", 16, 64, 32, 100),
        Shape("biseries", 16, 64, 32, 100, directions=2),
        Shape("tiny", 8, 32, 16, 20, head=1),
        Shape("lat256", 256, 256, 1, 150),
        Shape("lat512", 512, 512, 1, 25),
        Shape("odd", 37, 101, 13, 41),
        Shape("char256", 64, 256, 32, 64, head=64),
        Shape("sample128", 64, 128, 1, 64, layers=2, head=96, only=(SAMPLING,)),
        Shape("sample512", 64, 512, 1, 64, layers=2, head=96, only=(SAMPLING,)),
        # Of one unit the arithmetic is nothing: what is left is the way from Python and back.
        Shape("single1", 1, 1, 1, 64, only=(SINGLE,)),
        Shape("single32", 8, 32, 1, 64, only=(SINGLE,)),
        Shape("single128", 64, 128, 1, 64, only=(SINGLE,)),
        Shape("single512", 256, 512, 1, 64, only=(SINGLE,)),
        Shape("ragged256", 256, 256, 64, 150, only=(RAGGED, PADDED), shortest=10),
    )
}
