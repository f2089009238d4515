"""The next item of a shopping session: what an LSTM foretells beside what sells best and what usually follows what.

python examples/recommendation.py               # a made-up shop whose best possible recommendations are known
python examples/recommendation.py sessions.txt  # one session on each line, its items separated by spaces, oldest first
"""

import sys

import rustlstm as rl
from rustlstm.baselines import MarkovChain, NGram, Popularity


def read(path: str) -> rl.datasets.Dataset:
    """Return sessions and the item that each ends with."""
    sessions = [line.split() for line in rl.datasets.read_text(path).splitlines()]
    sessions = [session for session in sessions if len(session) > 1]
    x, y = [session[:-1] for session in sessions], [session[-1] for session in sessions]
    return rl.datasets.Dataset("sessions", "prediction", "the next item of a session", x, y)


def main(size: int = 6000, data: rl.datasets.Dataset | None = None) -> rl.baselines.Comparison:
    """Learn from so many sessions; return how it compares."""
    made_up = data is None
    if data is None:
        # What is bought next depends on the last two items.
        data = rl.datasets.prediction.shopping(size, items=12, order=2)
    train, test = data.split(0.2, by="time")
    model = rl.SequencePredictor(hidden_size=64, embedding_size=16, learning_rate=6e-3, epochs=12)
    # Whole sessions and no y: each item is to be foretold from those before it, not the last one only.
    model.fit([[*items, last] for items, last in zip(train.x, train.y, strict=True)])

    session = test.x[0]
    print(f"after {', '.join(map(str, session))}:")
    print(f"  the LSTM's three: {', '.join(model.recommend([session], k=3)[0])}  (bought: {test.y[0]})")
    print(f"  what sells best:  {', '.join(Popularity().fit(train.x, train.y).top([session], 3)[0])}")

    print("\nhow surprised each is by what was bought, in nats (less is better):")
    # "last item" counts what followed one item; "last two" is the made-up shop itself, if it has seen enough.
    rivals = {"popularity": Popularity(), "last item": MarkovChain(), "last two items": NGram(order=3)}
    found = rl.compare(model, rivals, data=(train, test), metric="nats")
    hits = {name: rl.metrics.hit_rate(test.y, _three(one, test.x), k=3) for name, one in found.models.items()}
    print("\namong three recommendations: " + ", ".join(f"{name} {rate:.1%}" for name, rate in hits.items()))
    if made_up:
        print(f"the best possible: {data.details['hit_rate'][3]:.1%}")
    print("Where only the last items matter, counting is as good and takes no time; an LSTM is for longer memories.")
    return found


def _three(model: object, sessions: list[list[str]]) -> list[list[str]]:
    return model.top(sessions, 3) if hasattr(model, "top") else model.recommend(sessions, 3).tolist()


if __name__ == "__main__":
    main(data=read(sys.argv[1]) if len(sys.argv) == 2 else None)
