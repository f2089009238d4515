"""Recommendation: the next film of a viewer."""

from __future__ import annotations

import gzip
from collections import defaultdict

import rustlstm as rl
from proofs.proof import DATA, Outcome, Proof, at_least


def histories() -> list[list[str]]:
    """Return the films of each viewer in the order of time, ties in the order of the file."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with gzip.open(DATA / "recommendation" / "ml-100k.inter.gz", "rt") as file:
        next(file)
        for line in file:
            viewer, film, _, time = line.split("\t")
            found[viewer].append((int(time), film))
    return [[film for _, film in sorted(films, key=lambda pair: pair[0])] for films in found.values()]


def movielens(seed: int) -> Outcome:
    """Leave each viewer's last film out; it counts where it is among the ten that are recommended of those unseen."""
    viewers = histories()
    before, last = [films[:-1] for films in viewers], [films[-1] for films in viewers]
    model = rl.SequencePredictor(
        hidden_size=128,
        embedding_size=64,
        dropout=0.4,
        epochs=30,
        batch_size=16,
        learning_rate=3e-3,
        vocabulary_size=None,
        seed=seed,
    )
    model.fit(before)
    hits = [
        film in ten for film, ten in zip(last, model.recommend(before, 10, exclude_seen=True).tolist(), strict=True)
    ]
    return Outcome(sum(hits) / len(hits))


PROOFS = [
    Proof(
        name="ml-100k",
        field="items",
        task="next film of 943 viewers (MovieLens 100k), leave one out, among all unseen films",
        metric="HR@10",
        floor="popularity 0.086, first-order Markov 0.145",
        published="GRU4Rec 0.130",
        bar="at least 0.15",
        reached=at_least(0.15),
        run=movielens,
    )
]
