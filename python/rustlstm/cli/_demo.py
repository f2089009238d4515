"""The demonstration: all four sequence problems on data that comes with the package, in less than a minute.

Each has a baseline that is no LSTM and, where it is known, the best score that anything can reach, so that the table at
the end says what was learned and what was not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import baselines, datasets, metrics
from ..models import Seq2Seq, SequenceClassifier, SequenceGenerator, SequencePredictor
from ..training import History, Progress

# What the words of the table are called in ``metrics``.
METRICS = {"exact": "accuracy", "accuracy": "accuracy", "nats/character": "nats"}


@dataclass
class Line:
    """A line of the table: a problem, how it is judged, and what came out."""

    problem: str
    metric: str
    baseline: str
    of_baseline: float
    ours: float
    optimum: float | None
    seconds: float
    history: History

    @property
    def worth_it(self) -> bool:
        """Whether the LSTM is better than the baseline, and not merely as good."""
        sign = 1 if metrics.greater_is_better(METRICS[self.metric]) else -1
        return sign * (self.ours - self.of_baseline) > 0

    @property
    def verdict(self) -> str:
        """What is to be said where the LSTM is not better; else nothing."""
        if self.worth_it:
            return ""
        how = "as good" if self.ours == self.of_baseline else "better still"
        return f"{self.problem}: after {self.seconds:.0f} s of training the {self.baseline} is {how}."


def demo(seed: int, size: float, picture: str) -> list[Line]:
    """Train on the four problems, print what was learned, draw the curves; return the lines of the table."""
    if not 0 < size <= 1:
        raise ValueError(f"size must be above 0 and at most 1, got {size}")
    began = time.perf_counter()
    lines = [problem(seed, size) for problem in (prediction, classification, generation, seq2seq)]
    print(f"\nAll four in {time.perf_counter() - began:.0f} s:\n")
    print(table(lines))
    for line in lines:
        if line.verdict:
            print(f"\n{line.verdict}")
    draw(lines, picture)
    return lines


def prediction(seed: int, size: float) -> Line:
    """Count on or go on doubling: the last number alone does not tell."""
    data = datasets.prediction.counting(share(1000, size) * 2, seed=seed)
    train, test = data.split(0.2, seed=seed)
    heading("prediction", data.meaning)
    model = SequencePredictor(scale="window", hidden_size=16, epochs=share(30, size), seed=seed, progress=False)
    seconds = timed(lambda: model.fit(train, callbacks=[Progress()]))
    line = baselines.LinearAutoregression().fit(train.x, train.y)
    for sequence in ([6, 7, 8], [2, 4, 8]):
        row = np.array(sequence, np.float32)
        if len(row) == test.x.shape[1]:
            print(f"  {' '.join(map(str, sequence))}  ->  {model.predict(row[None])[0]:.2f}")
    ours, theirs = (exact(test.y, one.predict(test.x)) for one in (model, line))
    return Line("prediction", "exact", "linear regression", theirs, ours, 1.0, seconds, model.history_)


def classification(seed: int, size: float) -> Line:
    """Tell good from bad sentences where "not" turns them round."""
    data = datasets.classification.sentiment(share(1500, size) // 2 * 2, seed=seed)
    train, test = data.split(0.2, seed=seed)
    heading("classification", data.meaning)
    model = SequenceClassifier(hidden_size=32, embedding_size=16, epochs=share(8, size), seed=seed, progress=False)
    seconds = timed(lambda: model.fit(train, callbacks=[Progress()]))
    bag = baselines.NaiveBayes().fit(train.x, train.y)
    for sentence in test.x[:2]:
        shown = sentence if isinstance(sentence, str) else " ".join(sentence)
        print(f"  {shown}  ->  {model.predict([sentence])[0]}")
    ours, theirs = model.score(test), bag.score(test.x, test.y)
    return Line("classification", "accuracy", "naive Bayes", theirs, ours, data.optimum, seconds, model.history_)


def generation(seed: int, size: float) -> Line:
    """Write like the text that every Python brings along."""
    data = datasets.generation.characters()
    text = data.x[: share(300_000, size)]
    cut = round(len(text) * 0.9)
    heading("generation", "characters of Python's own help texts, and more of the kind")
    model = SequenceGenerator(
        hidden_size=96,
        embedding_size=32,
        steps=50,
        epochs=share(4, size),
        learning_rate=6e-3,
        seed=seed,
        progress=False,
    )
    seconds = timed(lambda: model.fit(text[:cut], callbacks=[Progress()]))
    gram = baselines.NGram(order=4).fit(text[:cut])
    print("  " + model.sample("The ", 160, temperature=0.5, seed=seed).replace("\n", "\n  "))
    ours, theirs = model.nats(text[cut:]), gram.nats(text[cut:])
    return Line("generation", "nats/character", "4-gram", theirs, ours, None, seconds, model.history_)


def seq2seq(seed: int, size: float) -> Line:
    """Turn dates that people write into those that computers do."""
    data = datasets.seq2seq.dates(share(3000, size), seed=seed)
    train, test = data.split(0.1, seed=seed)
    heading("seq2seq", data.meaning)
    model = Seq2Seq(hidden_size=64, embedding_size=16, epochs=share(8, size), seed=seed, progress=False)
    seconds = timed(lambda: model.fit(train, callbacks=[Progress()]))
    near = baselines.NearestNeighbour().fit(train.x, train.y)
    for source, answer in zip(test.x[:2], model.predict(test.x[:2]), strict=True):
        print(f"  {source}  ->  {answer}")
    ours, theirs = model.score(test), float(metrics.exact_match(test.y, near.predict(test.x)))
    return Line("seq2seq", "exact", "nearest neighbour", theirs, ours, data.optimum, seconds, model.history_)


def table(lines: list[Line]) -> str:
    """Return what came out, a line for each problem."""
    head = f"{'problem':<16}{'judged by':<16}{'baseline':<28}{'LSTM':>8}{'best':>8}{'seconds':>9}"
    rows = [
        f"{line.problem:<16}{line.metric:<16}{f'{line.baseline} {line.of_baseline:.3f}':<28}{line.ours:>8.3f}"
        f"{'-' if line.optimum is None else f'{line.optimum:.3f}':>8}{line.seconds:>9.1f}"
        for line in lines
    ]
    return "\n".join([head, "-" * len(head), *rows])


def draw(lines: list[Line], picture: str) -> None:
    """Draw the learning curves, if there is something to draw with."""
    try:
        import matplotlib
    except ImportError:
        print("(pip install rustlstm[plot] for a picture of the learning curves)")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(lines), figsize=(4 * len(lines), 3), layout="constrained")
    for axis, line in zip(axes, lines, strict=True):
        epochs = line.history["epoch"]
        axis.plot(epochs, line.history["loss"], label="training")
        if "val_loss" in line.history:
            axis.plot(epochs, line.history["val_loss"], label="validation")
        axis.set(title=line.problem, xlabel="epoch", ylabel="loss")
        axis.legend()
    figure.savefig(picture, dpi=120)
    pyplot.close(figure)
    print(f"\nThe learning curves are in {picture}.")


def heading(problem: str, meaning: str) -> None:
    """Say which problem comes."""
    print(f"\n== {problem}: {meaning}", flush=True)


def exact(wanted: Any, found: Any) -> float:
    """Return the share of numbers that are right after rounding."""
    return float(np.mean(np.round(np.ravel(found)) == np.ravel(wanted)))


def share(whole: int, size: float) -> int:
    """Return a part of a number, at least one."""
    return max(1, round(whole * size))


def timed(work: Any) -> float:
    """Return how long something took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
