"""Praise or blame? Where "not" and "but" turn a sentence round, the order of the words counts, and an LSTM pays.

python examples/sentiment.py                # made-up sentences, half of which a bag of words cannot tell apart
python examples/sentiment.py reviews.jsonl  # one {"text": ..., "label": ...} on each line (.gz too)
"""

import sys

import rustlstm as rl
from rustlstm.datasets import Dataset

ASKED = ["the film was not good", "the film was not bad", "the cast was dull but the story was great"]


def read(path: str) -> Dataset:
    """Return the texts and labels of a file."""
    texts, labels = rl.datasets.read_jsonl(path, "text", "label")
    cut = [rl.datasets.words(text) for text in texts]  # "Good," is then the word "good"
    return Dataset(path, "classification", "praise or blame", cut, labels, "accuracy")


def main(size: int = 2000, data: Dataset | None = None) -> rl.baselines.Comparison:
    """Learn from so many sentences; return how it compares."""
    made_up = data is None
    train, test = (rl.datasets.classification.sentiment(size) if data is None else data).split(0.2)
    if made_up:
        model = rl.SequenceClassifier(hidden_size=32, embedding_size=16, epochs=12)
    else:  # longer texts, any of whose words may tell, and words that are seen once
        model = rl.SequenceClassifier(
            hidden_size=64,
            bidirectional=True,
            pool="attention",
            dropout=0.4,
            longest=400,
            least=2,
            epochs=3,
            batch_size=64,
            learning_rate=6e-3,
        )
    found = rl.compare(model, [rl.baselines.NaiveBayes(), rl.baselines.MostFrequent()], data=(train, test))
    fitted = found.models[found.model]
    print()
    for text in ASKED if made_up else test.x[:3]:
        chances = dict(zip(fitted.classes_.tolist(), fitted.predict_proba([text])[0], strict=True))
        shown = text if made_up else " ".join(text)
        print(f"  {shown[:60]:<60}", *(f"{label} {chance:.0%}" for label, chance in chances.items()))
    if made_up:
        best = train.details["bag_of_words"]
        print(f"Who only counts words is right in {best:.2f} at best: 'good but bad' has the words of 'bad but good'.")
    elif not found.worth_it:
        print("The bag of words does as well here, in less time: take it.")
    return found


if __name__ == "__main__":
    main(data=read(sys.argv[1]) if len(sys.argv) == 2 else None)
