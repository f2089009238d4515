"""Sequences of different lengths through a bidirectional stack: no sorting, no packing, no padding by hand."""

import numpy as np

import rustlstm as rl

rng = np.random.default_rng(0)
sequences = [rng.standard_normal((length, 8), dtype=np.float32) for length in (7, 3, 12)]

lstm = rl.nn.LSTM(8, 16, num_layers=2, bidirectional=True, seed=0)
y, (h, c) = lstm(sequences)
y = np.asarray(y)
print("outputs", y.shape, "- the longest sequence sets the length")
print("padding is exactly zero:", not y[1, 3:].any())

alone = np.asarray(lstm([sequences[1]])[0])
print("a sequence alone gives the same bits as in a batch:", np.array_equal(y[1, :3], alone[0]))
