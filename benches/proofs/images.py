"""Images row by row: handwritten digits."""

from __future__ import annotations

import rustlstm as rl
from proofs.proof import Outcome, Proof, at_least


def digits(seed: int) -> Outcome:
    """Read the eight rows of each of scikit-learn's bundled digits from the top; a fifth is the test.

    The options were chosen among five sets by a fifth of the training parts.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    rows = images.reshape(-1, 8, 8)
    train, test = rl.datasets.split(len(rows), 0.2, seed=seed)
    model = rl.SequenceClassifier(
        hidden_size=128,
        bidirectional=True,
        dropout=0.5,
        label_smoothing=0.1,
        scale="none",
        epochs=40,
        validation=0.0,
        seed=seed,
    )
    model.fit(rows[train] / 16, labels[train])
    return Outcome(model.score(rows[test] / 16, labels[test]))


PROOFS = [
    Proof(
        name="digits",
        field="images",
        task="scikit-learn's handwritten digits, row by row, a fifth for the test",
        metric="accuracy",
        bar="at least 0.97",
        reached=at_least(0.97),
        run=digits,
    )
]
