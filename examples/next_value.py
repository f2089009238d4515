"""What comes next, 6 7 8 or 2 4 8? Learned on small numbers, asked about large ones.

What an LSTM makes of numbers outside the range of its training depends on how it sees them: ``scale="window"``.
"""

import numpy as np

import rustlstm as rl


def main(size: int = 1000) -> dict[str, float]:
    """Learn from so many sequences up to 64; return the share of right answers between 128 and 256 of each model."""
    small = rl.datasets.prediction.counting(size, low=4, high=64)
    large = rl.datasets.prediction.counting(200, low=128, high=256, seed=1)
    models = {
        "LSTM, numbers as they are": rl.SequencePredictor(hidden_size=16, epochs=30),
        "LSTM, seen from the last number": rl.SequencePredictor(hidden_size=16, epochs=30, scale="window"),
        "linear regression": rl.baselines.LinearAutoregression(alpha=0),
    }
    right = {}
    for name, model in models.items():
        model.fit(small.x, small.y)
        right[name] = float(np.mean(np.round(np.ravel(model.predict(large.x))) == large.y))
        asked = [[6, 7, 8], [2, 4, 8], [198, 199, 200], [50, 100, 200]]
        answers = np.ravel(model.predict(np.array(asked, np.float32)[..., None]))
        print(f"{name}:")
        for numbers, answer in zip(asked, answers, strict=True):
            print(f"  {' '.join(map(str, numbers)):<12} -> {answer:8.2f}")
        print(f"  right of {len(large)} sequences between 128 and 256: {right[name]:.0%}")
    print("A network knows the range that it has seen; seen from its last number, every sequence is within it.")
    print("And a line is enough here: both rules are 2 a - 5 b + 4 c of a, b, c. Take it where it does as well.")
    return right


if __name__ == "__main__":
    main()
