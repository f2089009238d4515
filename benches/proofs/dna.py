"""DNA: does a stretch of a genome code for a protein on the strand that is read?"""

from __future__ import annotations

import numpy as np

import rustlstm as rl
from proofs.proof import DATA, Outcome, Proof, at_least


def coding(seed: int) -> Outcome:
    """Train on the first three quarters of the genome, both readings of a window together, judge on the last."""
    genome = rl.datasets.read_genbank(DATA / "dna" / "ct.gbk.gz")[0]
    windows = rl.datasets.coding_windows(genome, 99)
    labels = np.asarray(windows.y)
    train, test = rl.datasets.split(len(windows.x), 0.25, by="time")
    texts = list(windows.x)
    model = rl.SequenceClassifier(
        unit="character",
        embedding_size=8,
        conv=96,
        kernel_size=9,
        conv_pool=3,
        hidden_size=64,
        bidirectional=True,
        pool="mean",
        dropout=0.3,
        epochs=12,
        batch_size=64,
        learning_rate=3e-3,
        seed=seed,
    )
    model.fit([texts[at] for at in train], labels[train])
    return Outcome(model.score([texts[at] for at in test], labels[test]), extra={"windows": len(texts)})


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
