"""Does a stretch of DNA code for a protein? An LSTM beside counts of words of six letters, the old way to tell.

python examples/dna.py              # made up: codons of uneven frequency, against bases drawn one by one
python examples/dna.py genome.gbk   # a GenBank file (.gz too): windows of genes, as read and on the other strand
"""

import sys

import rustlstm as rl
from rustlstm.baselines import Hexamer, MostFrequent
from rustlstm.datasets import Dataset


def read(path: str) -> tuple[Dataset, Dataset]:
    """Return windows of 99 bases: those of the first three quarters of the genome to learn from, and the others."""
    windows = rl.datasets.coding_windows(rl.datasets.read_genbank(path)[0], 99)
    labels = ["coding" if label else "noncoding" for label in windows.y]
    data = Dataset("windows", "classification", "does it code as it is read?", windows.x, labels, "accuracy")
    return data.split(0.25, by="time")  # by place: neighbours have genes in common


def main(size: int = 3000, data: tuple[Dataset, Dataset] | None = None) -> rl.baselines.Comparison:
    """Learn from so many stretches; return how it compares."""
    train, test = data or rl.datasets.classification.coding_dna(size).split(0.25)
    model = rl.SequenceClassifier(
        unit="character",
        conv=48,  # sees nine bases at a time, so that the LSTM need not spell out codons
        kernel_size=9,
        conv_pool=3,
        hidden_size=32,
        bidirectional=True,
        pool="mean",
        dropout=0.3,
        epochs=10,
        batch_size=64,
    )
    print(f"{len(train)} stretches to learn from, {len(test)} to judge by, such as")
    for bases, kind in zip(test.x[:2], test.y[:2], strict=True):
        print(f"  {bases[:60]}...  {kind}")
    found = rl.compare(model, [Hexamer(), MostFrequent()], data=(train, test))
    if "stop_rule" in train.details:
        print(f"who looks for a frame without a stop codon is right in {train.details['stop_rule']:.3f},")
        print(f"who knows how frequent each codon is in {found.optimum:.3f}")
    if not found.worth_it:
        print("So count hexamers: they are ready in no time, and nothing here beats them.")
    return found


if __name__ == "__main__":
    main(data=read(sys.argv[1]) if len(sys.argv) == 2 else None)
