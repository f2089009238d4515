"""DNA: does a stretch of a genome code for a protein on the strand that is read?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import rustlstm as rl
from proofs.proof import DATA, Outcome, Proof, at_least

LENGTH = 99
# Windows that begin so many bases apart, for training; those of the test lie side by side.
STRIDE = 33


def coding(seed: int) -> Outcome:
    """Train on three quarters of the genome, choose the epoch by their last tenth, judge on the last quarter."""
    genome = rl.datasets.read_genbank(DATA / "dna" / "ct.gbk.gz")[0]
    apart = rl.datasets.coding_windows(genome, LENGTH)
    begins, labels = np.asarray(apart.start), np.asarray(apart.y)
    test = round(len(begins) * 0.75)
    end = int(begins[test])
    held = (begins >= 0.9 * end) & (begins < end)
    held[test:] = False
    close = rl.datasets.coding_windows(genome, LENGTH, stride=STRIDE)
    train = np.asarray(close.start) + LENGTH <= 0.9 * end
    model = rl.SequenceClassifier(
        scale="none",
        conv=128,
        kernel_size=3,
        hidden_size=64,
        bidirectional=True,
        pool="mean",
        dropout=0.3,
        epochs=6,
        batch_size=64,
        learning_rate=4e-3,
        seed=seed,
    )
    bases = in_frames(apart.x)
    model.fit(in_frames(close.x)[train], np.asarray(close.y)[train], validation=(bases[held], labels[held]))
    return Outcome(model.score(bases[test:], labels[test:]), extra={"windows": int(train.sum())})


def in_frames(windows: list[str]) -> npt.NDArray[np.float32]:
    """Return [N, 33, 20]: three bases a step, and the two behind them, so that each step has the codons of all frames.

    Which frame a gene is read in is not known; steps of whole codons keep the frames apart.
    """
    ones = np.zeros((256, 4), np.float32)
    ones[np.frombuffer(b"ACGT", np.uint8)] = np.eye(4)
    bases = ones[np.frombuffer("".join(windows).encode(), np.uint8)].reshape(len(windows), LENGTH, 4)
    behind = np.concatenate([bases, np.zeros((len(windows), 2, 4), np.float32)], axis=1)
    return np.stack([behind[:, place : place + LENGTH : 3] for place in range(5)], axis=2).reshape(len(windows), -1, 20)


PROOFS = [
    Proof(
        name="dna",
        field="dna",
        task="coding strand of 99 bp windows of Chlamydia, last quarter of the genome for the test",
        metric="accuracy",
        floor="hexamers 0.820, open reading frame 0.794",
        bar="at least 0.89",
        reached=at_least(0.89),
        run=coding,
    )
]
