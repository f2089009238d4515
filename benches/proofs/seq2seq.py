"""Sequence to sequence: commands that become actions, and sums."""

from __future__ import annotations

import rustlstm as rl
from proofs.proof import DATA, Outcome, Proof, at_least


def commands(part: str) -> tuple[list[list[str]], list[list[str]]]:
    path = DATA / "seq2seq" / "scan" / f"tasks_{part}_simple.txt"
    source, target = rl.datasets.read_pairs(path, prefix="IN: ", separator=" OUT: ")
    return [line.split() for line in source], [line.split() for line in target]


def scan(seed: int) -> Outcome:
    """Train on the simple split's training part."""
    model = rl.Seq2Seq(
        hidden_size=160,
        embedding_size=64,
        dropout=0.2,
        epochs=15,
        batch_size=64,
        learning_rate=3e-3,
        validation=0.03,
        seed=seed,
    )
    model.fit(*commands("train"))
    return Outcome(model.score(*commands("test")))


def addition(seed: int) -> Outcome:
    """Train on nine tenths of 50,000 different sums of numbers up to three digits."""
    train, test = rl.datasets.seq2seq.addition(50000, digits=3, seed=seed).split(0.1, seed=seed)
    model = rl.Seq2Seq(
        hidden_size=128, embedding_size=32, epochs=20, batch_size=64, learning_rate=3e-3, validation=0.02, seed=seed
    )
    model.fit(train)
    return Outcome(model.score(test))


PROOFS = [
    Proof(
        name="scan",
        field="seq2seq",
        task="SCAN, simple split, with attention",
        metric="exact answers",
        published="0.998 (Lake and Baroni 2018)",
        bar="at least 0.99",
        reached=at_least(0.99),
        run=scan,
        seeds=2,
    ),
    Proof(
        name="addition",
        field="seq2seq",
        task="sums of two numbers up to three digits, 5,000 unseen ones",
        metric="exact answers",
        published="0.99 (Keras example, 50,000 sums, input reversed)",
        bar="at least 0.98",
        reached=at_least(0.98),
        run=addition,
        seeds=2,
    ),
]
