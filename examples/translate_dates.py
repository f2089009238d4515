"""Dates as people write them into year-month-day, and a picture of where the model looks while it writes.

Dates have rules, so strptime with a list of formats does this better; what is learned here needs examples only.
"""

import numpy as np

import rustlstm as rl

SHADES = " .:*#"


def picture(source: str, answer: str, weights: np.ndarray) -> str:
    """Return the weights as text: a line for each character written, a column for each character read."""
    shades = np.minimum(np.round(weights * len(SHADES)).astype(int), len(SHADES) - 1)
    lines = [
        f"  {wrote} |{''.join(SHADES[shade] for shade in row)}|" for wrote, row in zip(answer, shades, strict=False)
    ]
    return "\n".join([f"     {source}", *lines])


def main(size: int = 4000) -> float:
    """Learn from so many dates; return the share of unseen ones that are right to the last character."""
    data = rl.datasets.seq2seq.dates(size)
    train, test = data.split(0.1)
    model = rl.Seq2Seq(hidden_size=64, embedding_size=16, epochs=10).fit(train)

    asked = ["the 3rd of March 2031", "Sunday, 22 June 1975", "7.12.1999"]
    for source, answer in zip(asked, model.predict(asked), strict=True):
        print(f"{source} -> {answer}")
    print("\nwhere it looks in order to write each character (# is most):")
    answer = model.predict(asked[:1])[0]
    print(picture(asked[0], answer, model.attention_weights(asked[:1], [answer])[0]))

    right = model.score(test)
    near = rl.baselines.NearestNeighbour().fit(train.x, train.y)
    print(f"\nright to the last character: {right:.1%} of {len(test)} dates never seen")
    print(f"the answer of the most similar date seen: {rl.metrics.exact_match(test.y, near.predict(test.x)):.1%}")
    if right < 0.95:
        print("More dates or more epochs make it better; with few of either it is not ready.")
    return right


if __name__ == "__main__":
    main()
