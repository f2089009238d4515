"""Text: sentiment of film reviews, and the next character of Shakespeare."""

from __future__ import annotations

from typing import Any

import rustlstm as rl
from proofs.proof import DATA, Outcome, Proof, at_least, at_most

TEXT = DATA / "text"


def reviews(part: str) -> tuple[list[str], list[int]]:
    texts, labels = rl.datasets.read_jsonl(TEXT / "imdb" / f"{part}.jsonl.gz", "text", "label")
    return texts, labels


def imdb(seed: int) -> Outcome:
    """Train on 20,000 reviews, choose the epoch by 5,000 further ones, judge on 25,000."""
    model = rl.SequenceClassifier(
        conv=128,
        kernel_size=3,
        conv_pool=2,
        hidden_size=64,
        bidirectional=True,
        pool="max",
        dropout=0.5,
        embedding_size=100,
        vocabulary_size=30000,
        longest=400,
        epochs=5,
        batch_size=64,
        learning_rate=2e-3,
        seed=seed,
    )
    model.fit(*reviews("train"), validation=reviews("val"))
    return Outcome(model.score(*reviews("test")), extra={"fit_seconds": sum(model.history_["seconds"])})


def shakespeare() -> tuple[str, str]:
    """Return the first nine tenths and the last."""
    text = rl.datasets.read_text(TEXT / "tinyshakespeare.txt")
    cut = round(len(text) * 0.9)
    return text[:cut], text[cut:]


def characters(minutes: float, **options: Any) -> Any:
    """Train for about so many minutes, as many epochs as fit, and judge on the last tenth."""

    def run(seed: int) -> Outcome:
        train, test = shakespeare()
        # Nothing is held out, and the last epoch is taken: the rate has fallen to zero by then.
        common = {"embedding_size": 64, "steps": 64, "batch_size": 32, "learning_rate": 3e-3, "validation": 0.0}
        model = rl.SequenceGenerator(**common, seed=seed, **{"dropout": 0.2, **options}).fit(train)
        found = {"epochs": len(model.history_["loss"]), "fit_seconds": sum(model.history_["seconds"])}
        return Outcome(model.nats(test), extra=found)

    return run


PROOFS = [
    Proof(
        name="imdb",
        field="text",
        task="sentiment of IMDB reviews, 25,000 for the test",
        metric="accuracy",
        floor="Naive Bayes 0.828",
        published="2 x BiLSTM(64), Keras example, 0.843",
        bar="at least 0.87 in at most 600 s",
        reached=at_least(0.87),
        run=imdb,
        seeds=1,
    ),
    Proof(
        name="shakespeare-4",
        field="text",
        task="next character of tinyshakespeare, four minutes of training",
        metric="nats per character",
        floor="5-gram 1.669",
        published="torch, the same layer and time, 1.512; nanoGPT's small transformer 1.4697",
        bar="at most 1.50",
        reached=at_most(1.50),
        run=characters(4, hidden_size=256, epochs=12),
        seeds=1,
    ),
    Proof(
        name="shakespeare-10",
        field="text",
        task="next character of tinyshakespeare, ten minutes of training",
        metric="nats per character",
        floor="5-gram 1.669",
        published="torch, 512 units and the same time, 1.522; nanoGPT's small transformer 1.4697",
        bar="at most 1.47",
        reached=at_most(1.47),
        run=characters(10, hidden_size=512, epochs=10),
        seeds=1,
    ),
]
