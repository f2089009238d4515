"""More text like a text, character by character, from cautious to wild, and as it is being written.

python examples/shakespeare.py           # the help texts that come with every Python
python examples/shakespeare.py text.txt  # any text file: a megabyte of Shakespeare is a good one
"""

import sys

import rustlstm as rl


def main(size: int = 400_000, text: str | None = None) -> dict[str, float]:
    """Learn from so many characters; return the nats that each model needs for a character that it has not seen."""
    text = (rl.datasets.generation.characters().x if text is None else text)[:size]
    cut = len(text) * 9 // 10
    model = rl.SequenceGenerator(hidden_size=128, embedding_size=32, epochs=6, learning_rate=6e-3)
    model.fit(text[:cut])

    for temperature in (0.3, 0.7, 1.1):
        print(f"--- temperature {temperature}")
        print(model.sample("The ", 200, temperature=temperature, seed=1))
    print("--- as it is being written, out of the likeliest characters that have 90 % of the probability")
    for piece in model.stream("The ", 200, top_p=0.9, seed=1):
        print(piece, end="", flush=True)
    print("\n---")

    found = {"LSTM": model.nats(text[cut:])}
    for order in (1, 3, 5):
        found[f"{order}-gram"] = rl.baselines.NGram(order=order).fit(text[:cut]).nats(text[cut:])
    for name, nats in found.items():
        print(f"{name:<8}{nats:.3f} nats for each character of the last tenth")
    if found["LSTM"] > min(found.values()):
        print("Counting is better still: train longer (epochs), or take the counts.")
    return found


if __name__ == "__main__":
    main(text=rl.datasets.read_text(sys.argv[1]) if len(sys.argv) == 2 else None, size=2_000_000)
