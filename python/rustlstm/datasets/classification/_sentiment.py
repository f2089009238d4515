"""Sentences of praise and blame, in many of which the order of the words decides."""

from __future__ import annotations

from ..._options import share
from .._dataset import Dataset
from .._draw import even, generator, pick

PRAISE = "good great fine lovely clever funny moving fresh".split()
BLAME = "bad poor dull awful silly boring cold stale".split()
THINGS = "film plot music cast ending book story play".split()
DEGREES = ("", "", "really ", "quite ", "very ")
DENIALS = ("not", "never")


def sentiment(n: int = 1000, *, turned: float = 0.5, seed: int = 0) -> Dataset:
    """Return sentences of praise and blame, with denials and turns.

    The sentences that are not turned say it plainly ("the film was really good") or deny it ("the plot was never
    dull"). The turned ones have two sides, of which one counts: what follows "but" ("the film was bad but the cast was
    great"), or what is put right ("the play was not good , it was dull"). A turned sentence of praise and one of blame
    have the same words in another order, so from the number of times that each word occurs nobody can tell them apart.

    Args:
        n: samples, an even number.
        turned: the share of sentences that are turned, in [0, 1).
        seed: the draw.

    Returns:
        x a list of sentences, whose words stand between spaces; y a list of "positive" and "negative", half of each;
        "accuracy" at best 1. Details: ``bag_of_words``, the best share that can be expected from one who only counts
        words: 1 - turned / 2.

    >>> data = sentiment(8)
    >>> data.x[1], data.y[1]
    ('the cast was not awful , it was fine', 'positive')
    """
    n, turned = even("n", n), share("turned", turned)
    draw = generator(seed)
    x, y = [], [("positive", "negative")[at % 2] for at in draw.permutation(n).tolist()]
    for label in y:
        right, wrong = (PRAISE, BLAME) if label == "positive" else (BLAME, PRAISE)
        thing, other = (THINGS[at] for at in draw.permutation(len(THINGS))[:2].tolist())
        right, wrong, degree, denial = (pick(draw, words) for words in (right, wrong, DEGREES, DENIALS))
        if draw.random() < turned:
            if draw.random() < 0.5:
                sentence = f"the {other} was {wrong} but the {thing} was {right}"
            else:
                sentence = f"the {thing} was {denial} {wrong} , it was {right}"
        elif draw.random() < 0.5:
            sentence = f"the {thing} was {degree}{right}"
        else:
            sentence = f"the {thing} was {denial} {wrong}"
        x.append(sentence)
    details = {"bag_of_words": 1 - turned / 2}
    return Dataset("sentiment", "classification", "does the sentence praise?", x, y, "accuracy", 1.0, details)
