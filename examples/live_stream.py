"""One step at a time with frozen weights, as for a live signal; a fork tries out a future and leaves the present."""

import numpy as np

import rustlstm as rl


def main(size: int = 50) -> bool:
    """Stream so many steps; return whether they are those of the whole sequence."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((1, size, 4), dtype=np.float32)

    lstm = rl.nn.LSTM(4, 32, seed=0)
    whole = np.asarray(lstm(signal)[0])

    stream = lstm.stream(batch_size=1)
    for t in range(size // 2):
        y = stream.step(signal[:, t])
    what_if = stream.fork()
    what_if.step(np.zeros((1, 4), np.float32))
    for t in range(size // 2, size):
        y = stream.step(signal[:, t])
    same = np.array_equal(y, whole[:, -1])
    print("step by step equals the whole sequence, bit for bit:", same)
    return same


if __name__ == "__main__":
    main()
