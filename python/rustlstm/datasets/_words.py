"""Running text as words."""

from __future__ import annotations

import re

# A word goes on behind an apostrophe or a hyphen where letters do: "don't", "well-made". Any other sign stands alone.
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]|_")


def words(text: str, *, lower: bool = True) -> list[str]:
    """Return the words of a text and the signs between them, for models that read lists of tokens.

    A string that is only split at spaces has "good", "Good" and "good," as three words, each of them rarer.

    Args:
        text: in any script with spaces between words.
        lower: capital letters become small.

    >>> words("Don't miss it: a well-made film!")
    ["don't", 'miss', 'it', ':', 'a', 'well-made', 'film', '!']
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {type(text).__name__}")
    return _WORD.findall(text.lower() if lower else text)
