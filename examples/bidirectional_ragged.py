"""Sequences of different lengths through a bidirectional stack: no sorting, no packing, no padding by hand."""

import numpy as np

import rustlstm as rl


def main(size: int = 16) -> bool:
    """Run an LSTM of so many units; return whether a sequence alone gives the bits that it has in a batch."""
    rng = np.random.default_rng(0)
    sequences = [rng.standard_normal((length, 8), dtype=np.float32) for length in (7, 3, 12)]

    lstm = rl.nn.LSTM(8, size, num_layers=2, bidirectional=True, seed=0)
    y = np.asarray(lstm(sequences)[0])
    print("outputs", y.shape, "- the longest sequence sets the length")
    print("padding is exactly zero:", not y[1, 3:].any())

    alone = np.asarray(lstm([sequences[1]])[0])
    same = np.array_equal(y[1, :3], alone[0])
    print("a sequence alone gives the same bits as in a batch:", same)
    return same


if __name__ == "__main__":
    main()
