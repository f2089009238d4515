"""More like it: texts, tunes, drawings, and pictures with captions.

A text is one str or bytes; tunes and drawings are lists of sequences. "nats" are those of each step, given all before.
"""

from ._drawings import captions as captions
from ._drawings import strokes as strokes
from ._music import chorales as chorales
from ._music import melodies as melodies
from ._texts import bytes as bytes
from ._texts import characters as characters
from ._texts import markov_text as markov_text
from ._texts import words as words
