"""A model of your own that learns to tell two rhythms under noise, and is stopped and resumed to the same bits.

Run it twice, or stop it with Ctrl-C and run it again: it goes on where it was.
"""

import os
import tempfile

import numpy as np

import rustlstm as rl

EPOCHS = 30
PATH = os.path.join(tempfile.gettempdir(), "rustlstm-rhythms.safetensors")


class Listener(rl.nn.Module):
    """Any class will do: modules and parameters among its attributes are found."""

    def __init__(self) -> None:
        self.lstm = rl.nn.LSTM(1, 24, dropout=0.1, num_layers=2, seed=1)
        self.pool = rl.nn.AttentionPool(24, seed=2)
        self.head = rl.nn.Linear(24, 2, seed=3)

    def __call__(self, x, lengths):
        """Return scores [B, 2] for sequences [B, T, 1]."""
        y, _ = self.lstm(x, lengths=lengths)
        return self.head(self.pool(y, lengths))


def rhythms(count: int, seed: int) -> tuple[list[np.ndarray], list[int]]:
    """Draw beats every three or every four steps, with any beginning, under noise."""
    rng = np.random.default_rng(seed)
    sequences, labels = [], []
    for _ in range(count):
        label, length = int(rng.integers(2)), int(rng.integers(20, 60))
        beat = (np.arange(length) + rng.integers(12)) % (3 + label) == 0
        sequences.append((beat + 0.3 * rng.standard_normal(length)).astype(np.float32)[:, None])
        labels.append(label)
    return sequences, labels


def loss(model: Listener, batch: rl.datasets.Batch) -> tuple[rl.Tensor, dict[str, float]]:
    """Return what is to become small, and whatever else is to be watched."""
    scores = model(batch.x, batch.lengths)
    right = np.mean(scores.numpy().argmax(axis=1) == batch.y)
    return rl.losses.cross_entropy(scores, batch.y), {"accuracy": float(right)}


def main(size: int = 1000, epochs: int = EPOCHS, path: str = PATH) -> float:
    """Train on so many sequences, or go on; return the accuracy on others."""
    data = rl.datasets.Batches(*rhythms(size, seed=0), batch_size=32)
    unseen = rl.datasets.Batches(*rhythms(200, seed=1), batch_size=200)
    model = Listener()
    optimizer = rl.optim.AdamW(model, lr=5e-3)
    schedule = rl.optim.schedules.OneCycle(optimizer, max_lr=1e-2, steps=epochs * len(data))
    trainer = rl.Trainer(model, loss, optimizer, schedule=schedule, clip_norm=1.0)
    if os.path.exists(path):
        trainer.load(path)
        print(f"going on from {path}, epoch {trainer.epoch}, batch {trainer.batch}")
    callbacks = [rl.training.Checkpoint(path, every_steps=10), rl.training.EarlyStopping(patience=5)]
    history = trainer.fit(data, epochs=epochs, validation=unseen, callbacks=callbacks)
    print(f"accuracy on sequences never seen: {history.last['val_accuracy']:.3f} (guessing: 0.5)")
    return history.last["val_accuracy"]


if __name__ == "__main__":
    main()
