"""How well labels are predicted, as labels or as probabilities.

Labels are strings or numbers. They may be one for each sample, or lists with a label for each step, which count step by
step. Where probabilities are asked for, column k is that of label k in ``labels``, or in sorted order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._options import choice
from .._options import positive as above_zero
from ._checks import Floats, Index, filled, lengths, numbers, rows

Averages = ("macro", "micro", "weighted", "binary")


def accuracy(y_true: Any, y_pred: Any) -> float:
    """Return the share of labels that are right.

    Args:
        y_true: N labels, or N sequences of labels, one for each step.
        y_pred: the same.

    Returns:
        The share over all labels; longer sequences weigh more.

    >>> accuracy(["a", "b", "b"], ["a", "b", "a"])
    0.6666666666666666
    """
    true, pred, _ = _numbered(y_true, y_pred)
    return float(np.mean(true == pred))


def balanced_accuracy(y_true: Any, y_pred: Any) -> float:
    """Return the mean over the classes of y_true of the share of each that is found; arguments as in ``accuracy``."""
    true, pred, names = _numbered(y_true, y_pred)
    size = np.bincount(true, minlength=len(names))
    right = np.bincount(true[true == pred], minlength=len(names))
    return float(np.mean(right[size > 0] / size[size > 0]))


def precision(y_true: Any, y_pred: Any, *, average: str = "macro", positive: Any = 1, labels: Any = None) -> float:
    """Return the share of predictions of a label that are right; arguments as in ``f1``."""
    hits, said, there = _counts(y_true, y_pred, average, positive, labels)
    return _averaged(_ratio(hits, said), there, average)


def recall(y_true: Any, y_pred: Any, *, average: str = "macro", positive: Any = 1, labels: Any = None) -> float:
    """Return the share of what has a label that is found; arguments as in ``f1``."""
    hits, _, there = _counts(y_true, y_pred, average, positive, labels)
    return _averaged(_ratio(hits, there), there, average)


def f1(y_true: Any, y_pred: Any, *, average: str = "macro", positive: Any = 1, labels: Any = None) -> float:
    """Return the harmonic mean of precision and recall.

    Args:
        y_true: N labels, or N sequences of labels.
        y_pred: the same.
        average: "macro" is the mean over the labels; "weighted" that by how often each is true; "micro" counts all
            labels together; "binary" is of the label ``positive`` alone.
        positive: the label that "binary" is about.
        labels: which labels count; all that occur if left out.

    Returns:
        0 to 1. A label that is never predicted, or never true, counts 0.

    >>> f1([1, 0, 1, 1], [1, 1, 1, 0], average="binary")
    0.6666666666666666
    """
    hits, said, there = _counts(y_true, y_pred, average, positive, labels)
    return _averaged(_ratio(2 * hits, said + there), there, average)


def confusion_matrix(y_true: Any, y_pred: Any, *, labels: Any = None) -> npt.NDArray[np.int64]:
    """Return how often each label was taken for each: [true, predicted].

    Args:
        y_true: N labels, or N sequences of labels.
        y_pred: the same.
        labels: the rows and columns, in this order; all that occur, sorted, if left out. What has another is left out.

    >>> confusion_matrix(["a", "b", "b"], ["a", "b", "a"]).tolist()
    [[1, 0], [1, 1]]
    """
    true, pred, names = _numbered(y_true, y_pred)
    size = len(names)
    matrix = np.bincount(true * size + pred, minlength=size * size).reshape(size, size)
    if labels is None:
        return matrix
    chosen = _chosen(labels, names)
    wide = np.zeros((size + 1, size + 1), np.int64)  # the last row and column: labels that do not occur
    wide[:size, :size] = matrix
    return wide[np.ix_(chosen, chosen)]


def log_loss(y_true: Any, y_pred: Any, *, labels: Any = None, least: float = 1e-15) -> float:
    """Return the mean negative log probability of the true labels, in nats.

    Args:
        y_true: N labels.
        y_pred: [N, K] probabilities; or [N], those of the second of two labels.
        labels: the K labels of the columns; the sorted ones of y_true if left out.
        least: a probability below it counts as this, so that one sure mistake does not make the mean infinite.

    >>> round(log_loss(["no", "yes"], [[0.9, 0.1], [0.5, 0.5]]), 6)
    0.399254
    """
    least = above_zero("least", least)
    true, given, _ = _with_columns(y_true, y_pred, labels)
    return float(-np.mean(np.log(np.maximum(given[np.arange(len(true)), true], least))))


def auc(y_true: Any, y_pred: Any, *, labels: Any = None) -> float:
    """Return the area under the receiver's curve: how often a positive has a higher score than a negative.

    Args:
        y_true: N labels, of which there are at least two.
        y_pred: [N] scores of the second of two labels, or [N, K] of each label. Equal scores count half.
        labels: the K labels of the columns; the sorted ones of y_true if left out.

    Returns:
        0.5 for chance, 1 at best. With more than two labels it is the mean over each label against the rest.

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    true, given, names = _with_columns(y_true, y_pred, labels, probabilities=False)
    columns = [1] if len(names) == 2 else range(len(names))
    areas = []
    for column in columns:
        hits = true == column
        there, rest = int(hits.sum()), int((~hits).sum())
        if not there or not rest:
            lacks = names[column] if not there else "any other label"
            raise ValueError(f"y_true must hold both sides of a label for auc, but it lacks {lacks!r}")
        areas.append((_ranks(given[:, column])[hits].sum() - there * (there + 1) / 2) / (there * rest))
    return float(np.mean(areas))


def flat_labels(name: str, given: Any) -> list[Any]:
    """Return labels as a flat list of plain values; sequences of labels one after the other."""
    given = rows(name, given)
    if isinstance(given, np.ndarray):
        flat: list[Any] = given.reshape(-1).tolist()
    else:
        flat = []
        for item in given:
            nested = isinstance(item, (list, tuple, np.ndarray)) and np.ndim(item) > 0
            flat.extend(flat_labels(name, item) if nested else [item.item() if isinstance(item, np.generic) else item])
    return flat


def _numbered(y_true: Any, y_pred: Any) -> tuple[Index, Index, list[Any]]:
    """Return labels as numbers from 0 on, and the sorted labels."""
    if isinstance(y_true, np.ndarray) and isinstance(y_pred, np.ndarray):
        if y_true.shape != y_pred.shape:
            raise ValueError(f"y_pred must have the shape of y_true, {list(y_true.shape)}, got {list(y_pred.shape)}")
    elif _per_step(rows("y_true", y_true)) and _per_step(rows("y_pred", y_pred)):
        lengths(y_true, y_pred)
    true, pred = flat_labels("y_true", y_true), flat_labels("y_pred", y_pred)
    if len(true) != len(pred):
        raise ValueError(f"y_pred must have {len(true)} labels, as y_true has, got {len(pred)}")
    filled(len(true))
    kinds = []
    for name, flat in (("y_true", true), ("y_pred", pred)):
        for label in flat:
            if label is None or label != label:  # NaN alone differs from itself
                raise ValueError(f"{name} must hold labels, got {label!r}")
        kinds.append({isinstance(label, (str, bytes)) for label in flat})
    if not kinds[0] & kinds[1]:
        raise TypeError(f"y_pred must hold labels of the kind of y_true, such as {true[0]!r}, got {pred[0]!r}")
    names = sorted_labels({*true, *pred})
    index = {label: at for at, label in enumerate(names)}
    return (
        np.array([index[label] for label in true], np.int64),
        np.array([index[label] for label in pred], np.int64),
        names,
    )


def sorted_labels(labels: set[Any]) -> list[Any]:
    """Return labels sorted; those that cannot be compared, by kind and then by how they are written."""
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=lambda label: (type(label).__name__, repr(label)))


def _per_step(given: Sequence[Any]) -> bool:
    return len(given) > 0 and isinstance(given[0], (list, tuple, np.ndarray)) and np.ndim(given[0]) > 0


def _chosen(labels: Any, names: Sequence[Any]) -> list[int]:
    """Return the numbers of chosen labels; one that does not occur has the number behind the last."""
    wanted = flat_labels("labels", labels)
    if not wanted or len(set(wanted)) != len(wanted):
        raise ValueError(f"labels must be different labels, at least one, got {wanted}")
    index = {label: at for at, label in enumerate(names)}
    return [index.get(label, len(names)) for label in wanted]


def _counts(y_true: Any, y_pred: Any, average: str, positive: Any, labels: Any) -> tuple[Floats, Floats, Floats]:
    """Return for each label that counts: how often right, how often predicted, how often true."""
    choice("average", average, *Averages)
    true, pred, names = _numbered(y_true, y_pred)
    size = len(names) + 1
    counts = [np.bincount(each, minlength=size).astype(np.float64) for each in (true[true == pred], pred, true)]
    if average == "binary":
        if len(names) > 2:
            raise ValueError(f"average='binary' needs two labels, got {names}; use 'macro' or 'micro'")
        if positive not in names:
            raise ValueError(f"positive must be one of the labels {names}, got {positive!r}")
        at = [names.index(positive)]
    else:
        at = list(range(len(names))) if labels is None else _chosen(labels, names)
    hits, said, there = (each[at] for each in counts)
    if average == "micro":
        return hits.sum(keepdims=True), said.sum(keepdims=True), there.sum(keepdims=True)
    return hits, said, there


def _ratio(part: Floats, whole: Floats) -> Floats:
    return part / np.where(whole == 0, 1, whole)


def _averaged(scores: Floats, there: Floats, average: str) -> float:
    if average == "weighted":
        return float((scores * there).sum() / max(there.sum(), 1))
    return float(scores.mean())


def _with_columns(
    y_true: Any, y_pred: Any, labels: Any, *, probabilities: bool = True
) -> tuple[Index, Floats, list[Any]]:
    """Return the column of each true label, the columns, and their labels."""
    true = flat_labels("y_true", y_true)
    filled(len(true))
    names = sorted_labels(set(true)) if labels is None else flat_labels("labels", labels)
    given = numbers("y_pred", y_pred)
    if given.ndim == 1 and len(names) == 2:
        given = np.stack([1 - given, given], axis=1)
    if given.shape != (len(true), len(names)):
        why = f"[{len(true)}, {len(names)}], a column for each of the labels {names}"
        raise ValueError(f"y_pred must have shape {why}, got {list(given.shape)}; labels says what the columns are")
    if probabilities and ((given < 0).any() or (abs(given.sum(axis=1) - 1) > 1e-3).any()):
        raise ValueError("y_pred must be probabilities: at least 0, each row with the sum 1")
    index = {label: at for at, label in enumerate(names)}
    for label in true:
        if label not in index:
            raise ValueError(f"y_true must hold only the labels {names}, got {label!r}")
    return np.array([index[label] for label in true], np.int64), given, names


def _ranks(scores: Floats) -> Floats:
    """Return the rank of each score from 1 on; equal ones share the mean of theirs."""
    _, where, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: Floats = (last - (counts - 1) / 2)[where.reshape(-1)]
    return mean
