"""How many spans (names, parts) that tags mark are found as they are, with begin, end and kind.

Tags are written ``B-NAME``: a letter and a kind. In "BIO" a span is B and any number of I; an I that follows nothing of
its kind begins one, as the CoNLL evaluation has it. In "BMES" a span is B, any number of M (or I), and E, or a single
S; what is not whole is no span.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._options import choice
from ._checks import lengths
from ._labels import flat_labels

Schemes = ("BIO", "BMES")


class Span(NamedTuple):
    """A marked piece of a sequence: steps ``begin`` to ``end``, which is not in it, and its kind."""

    begin: int
    end: int
    kind: str


def spans(tags: Any, *, scheme: str = "BIO") -> list[Span]:
    """Return the spans that the tags of one sequence mark.

    Args:
        tags: [T] strings.
        scheme: "BIO" or "BMES".

    >>> spans(["B-NAME", "I-NAME", "O", "B-ORG"])
    [Span(begin=0, end=2, kind='NAME'), Span(begin=3, end=4, kind='ORG')]
    """
    choice("scheme", scheme, *Schemes)
    letters = "BIO" if scheme == "BIO" else "BMIESO"
    found: list[Span] = []
    begin, kind = -1, ""  # the span that is open, -1 if none is
    for at, tag in enumerate([*flat_labels("tags", tags), "O"]):
        letter, dash, name = tag.partition("-") if isinstance(tag, str) else ("", "", "")
        if len(letter) != 1 or letter not in letters or (letter == "O" and dash):
            raise ValueError(
                f"tags[{at}] must be O or one of {letters[:-1]} with a kind, such as 'B-NAME', got {tag!r}"
            )
        goes_on = begin >= 0 and letter in "IME" and name == kind
        if goes_on and letter == "E":
            found.append(Span(begin, at + 1, kind))
        if begin >= 0 and not goes_on and scheme == "BIO":
            found.append(Span(begin, at, kind))
        if letter == "S":
            found.append(Span(at, at + 1, name))
        if letter == "B" or (letter == "I" and scheme == "BIO" and not goes_on):
            begin, kind = at, name
        elif not goes_on or letter == "E":
            begin = -1
    return found


def span_f1(y_true: Any, y_pred: Any, *, scheme: str = "BIO") -> float:
    """Return the harmonic mean of span precision and span recall.

    Args:
        y_true: N sequences of tags [T_n].
        y_pred: the same lengths.
        scheme: "BIO" or "BMES".

    Returns:
        0 to 1, over the spans of all sequences; 1 where nothing is marked and nothing found.

    >>> span_f1([["B-A", "I-A", "O"]], [["B-A", "O", "O"]])
    0.0
    """
    hits, said, there = _counts(y_true, y_pred, scheme)
    return 2 * hits / (said + there) if said + there else 1.0


def span_precision(y_true: Any, y_pred: Any, *, scheme: str = "BIO") -> float:
    """Return the share of found spans that are right; arguments as in ``span_f1``."""
    hits, said, there = _counts(y_true, y_pred, scheme)
    return hits / said if said else float(there == 0)


def span_recall(y_true: Any, y_pred: Any, *, scheme: str = "BIO") -> float:
    """Return the share of true spans that are found; arguments as in ``span_f1``."""
    hits, said, there = _counts(y_true, y_pred, scheme)
    return hits / there if there else float(said == 0)


def _counts(y_true: Any, y_pred: Any, scheme: str) -> tuple[int, int, int]:
    """Return how many spans are right, how many were found, how many there are."""
    for name, given in (("y_true", y_true), ("y_pred", y_pred)):
        if len(given) and (isinstance(given[0], str) or not hasattr(given[0], "__len__")):
            raise TypeError(f"{name} must be a list of sequences of tags, got one sequence; put it in a list")
    lengths(y_true, y_pred)
    hits = said = there = 0
    for true, pred in zip(y_true, y_pred, strict=True):
        marked, found = set(spans(true, scheme=scheme)), set(spans(pred, scheme=scheme))
        hits, said, there = hits + len(marked & found), said + len(found), there + len(marked)
    return hits, said, there
