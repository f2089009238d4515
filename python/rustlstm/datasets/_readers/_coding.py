"""Windows of a genome, labelled by whether they code for a protein as they are read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..._options import choice, count
from ._genome import Genome, reverse_complement


class CodingWindows(NamedTuple):
    """Windows in the order of the genome.

    Attributes:
        x: N strings of bases.
        y: [N], int64: 1 where the window codes as it is read, else 0.
        start: [N], int64: where each window lies (about, in a coding sequence that is joined). Both readings of a
            window have the same, so it serves as ``groups`` of a split.
    """

    x: list[str]
    y: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]


def coding_windows(
    genome: Genome, length: int = 99, *, stride: int | None = None, against: str = "other strand"
) -> CodingWindows:
    """Return windows of a genome that code as they are read, and others that do not.

    Args:
        genome: with features "CDS".
        length: the bases of a window.
        stride: how many bases further the next window begins; ``length`` if left out.
        against: "other strand" cuts the genome into windows, whatever the frame, takes those that lie wholly in coding
            sequences of one strand and in none of the other, and gives each as it is read there (1) and as it is read
            on the other strand (0). "between" takes windows of each coding sequence in its frame (1), and windows
            that lie in none on either strand as they are on the first (0).
    """
    length = count("length", length)
    stride = length if stride is None else count("stride", stride)
    choice("against", against, "other strand", "between")
    coding = [feature for feature in genome.features if feature.kind == "CDS"]
    # How many bases up to each place lie in a coding sequence of the one strand, and of the other.
    sums = np.zeros((2, len(genome.sequence) + 1), np.int64)
    covered = np.zeros((2, len(genome.sequence)), bool)
    for feature in coding:
        for start, end, strand in feature.parts:
            covered[0 if strand > 0 else 1, start:end] = True
    np.cumsum(covered, axis=1, out=sums[:, 1:])
    begins = np.arange(0, max(len(genome.sequence) - length + 1, 0), stride)
    forward, backward = sums[:, begins + length] - sums[:, begins]
    found: list[tuple[int, str, int]] = []
    if against == "other strand":
        for strand, here, there in ((1, forward, backward), (-1, backward, forward)):
            for start in begins[(here == length) & (there == 0)].tolist():
                window = genome.sequence[start : start + length]
                found += [(start, window, int(strand > 0)), (start, reverse_complement(window), int(strand < 0))]
    else:
        for feature in coding:
            bases = genome.read(feature)
            frame = int(choice("codon_start of a CDS", feature.qualifiers.get("codon_start", "1"), "1", "2", "3")) - 1
            first = min(start for start, _, _ in feature.parts)
            last = first + len(bases)
            for at in range(frame, len(bases) - length + 1, -(-stride // 3) * 3):
                place = first + at if feature.parts[0][2] > 0 else last - at - length
                found.append((place, bases[at : at + length], 1))
        for start in begins[(forward == 0) & (backward == 0)].tolist():
            found.append((start, genome.sequence[start : start + length], 0))
    found.sort(key=lambda window: window[0])
    labels, starts = np.array([(label, start) for start, _, label in found], np.int64).reshape(-1, 2).T
    return CodingWindows([window for _, window, _ in found], labels, starts)
