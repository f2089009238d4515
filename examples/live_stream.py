"""One step at a time with frozen weights, as for a live signal; a fork tries out a future and leaves the present."""

import numpy as np

import rustlstm as rl

rng = np.random.default_rng(0)
signal = rng.standard_normal((1, 50, 4), dtype=np.float32)

lstm = rl.nn.LSTM(4, 32, seed=0)
whole = np.asarray(lstm(signal)[0])

stream = lstm.stream(batch_size=1)
for t in range(25):
    y = stream.step(signal[:, t])
what_if = stream.fork()
what_if.step(np.zeros((1, 4), np.float32))
for t in range(25, 50):
    y = stream.step(signal[:, t])
print("step by step equals the whole sequence, bit for bit:", np.array_equal(y, whole[:, -1]))
