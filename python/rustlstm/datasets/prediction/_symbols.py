"""Sequences of symbols whose target is the next symbol: shopping, and a long lag full of noise."""

from __future__ import annotations

import math

from ..._options import choice, count, seed_number
from .._chain import Chain
from .._dataset import Dataset
from .._draw import balanced, generator, pick, span


def shopping(
    n: int = 1000,
    *,
    items: int = 20,
    order: int = 1,
    choices: int = 4,
    length: int | tuple[int, int] = (3, 12),
    shop: int = 0,
    seed: int = 0,
) -> Dataset:
    """Return sessions of shopping, and what is put into the basket next.

    What is next depends on the last item, or on the last two. For each case a few items are likely and all others are
    possible. The habits of the customers follow from ``shop``, and the sessions from ``seed``: two seeds give more
    sessions of the same customers.

    Args:
        n: sessions.
        items: how many there are in the shop.
        order: 1 or 2, on how many of the last items the next one depends.
        choices: how many items are likely each time.
        length: items given in each session, one number or (least, greatest); ``order`` at least.
        shop: another number is another shop, with other habits.
        seed: the sessions.

    Returns:
        x a list of lists of items, y a list of the next items; "nats" at best the entropy of the next item. Details:
        ``items``; ``hit_rate``, the best share of hits by the number of guesses {1, 3, 5}; ``popular_hit_rate``, the
        same for the most popular items; ``nats_by_order``, the least nats for one who sees no item, the last, ...

    >>> data = shopping(100)
    >>> data.x[0][:2], data.y[0]
    (['oil', 'bread'], 'honey')
    """
    n, items = count("n", n), count("items", items, 2)
    order, choices, seed = count("order", order), count("choices", choices), seed_number(seed)
    if order > 2:
        raise ValueError(f"order must be 1 or 2, got {order}")
    if choices > items:
        raise ValueError(f"choices must be at most {items}, the number of items, got {choices}")
    least, greatest = span("length", length, order)
    chain = Chain.random(generator(shop), items, order, choices)
    draw = generator(seed)
    names = [GOODS[at] if at < len(GOODS) else f"item {at}" for at in range(items)]
    sizes = draw.integers(least, greatest, n, endpoint=True).tolist()
    sessions = [
        [names[at] for at in row[: size + 1]]
        for row, size in zip(chain.sample(draw, n, greatest + 1).tolist(), sizes, strict=True)
    ]
    guesses = [number for number in (1, 3, 5) if number <= items]
    details = {
        "items": names,
        "hit_rate": {number: chain.hit_rate(number) for number in guesses},
        "popular_hit_rate": {number: chain.hit_rate(number, 0) for number in guesses},
        "nats_by_order": [chain.nats(seen) for seen in range(order + 1)],
    }
    x, y = [session[:-1] for session in sessions], [session[-1] for session in sessions]
    return Dataset("shopping", "prediction", "the next item of a session", x, y, "nats", chain.nats(), details)


def noise_task(n: int = 1000, *, lag: int = 100, task: str = "2a", seed: int = 0) -> Dataset:
    """Return sequences whose last symbol is their first one, with distractors between them.

    Hochreiter and Schmidhuber 1997, section 5.2. Half of the sequences have the symbol x, half y. In the order of
    their difficulty:

    - task "2a": (x, a1, a2, ..., x) and (y, a1, a2, ..., y): two sequences only, whose middle is always the same
      ``lag`` - 1 symbols.
    - task "2b": the middle is ``lag`` - 1 symbols, each drawn from a1, ..., a(lag - 1).
    - task "2c": (b, x, distractors, e, x) and (b, y, distractors, e, y). There are ``lag`` distractors drawn from a1,
      ..., a(lag), and then one more as long as a draw of probability 9/10 succeeds. The symbol e says that the end has
      come.

    Args:
        n: sequences.
        lag: after how many steps the symbol returns; in task 2c it is after two more at least.
        task: "2a", "2b" or "2c".
        seed: the draw.

    Returns:
        x a list of lists of symbols, without the last one; y a list of the last ones; "accuracy" at best 1, while one
        who has forgotten the beginning has 1/2. Details: ``symbols``, all there are; ``nats_of_chance``, log 2.

    >>> data = noise_task(2, lag=4)
    >>> sorted(zip(data.x, data.y))
    [(['x', 'a1', 'a2', 'a3'], 'x'), (['y', 'a1', 'a2', 'a3'], 'y')]
    """
    n, lag = count("n", n), count("lag", lag, 2)
    choice("task", task, "2a", "2b", "2c")
    draw = generator(seed)
    distractors = [f"a{at + 1}" for at in range(lag if task == "2c" else lag - 1)]
    x, y = [], balanced(draw, "xy", n)
    for symbol in y:
        if task == "2a":
            sequence = [symbol, *distractors]
        elif task == "2b":
            sequence = [symbol, *(pick(draw, distractors) for _ in range(lag - 1))]
        else:
            more = int(draw.geometric(0.1)) - 1
            sequence = ["b", symbol, *(pick(draw, distractors) for _ in range(lag + more)), "e"]
        x.append(sequence)
    symbols = distractors + (["b", "e"] if task == "2c" else []) + ["x", "y"]
    details = {"symbols": symbols, "nats_of_chance": math.log(2)}
    meaning = "which symbol was at the beginning?"
    return Dataset(f"noise_task_{task}", "prediction", meaning, x, y, "accuracy", 1.0, details)


GOODS = (
    "apples bananas bread butter cheese chocolate coffee eggs flour honey jam juice milk noodles nuts oil "
    "olives onions oranges pears peppers potatoes rice salt soap soup sugar tea tomatoes yoghurt"
).split()
