"""Data for training: data whose best score is known, readers of files, vocabularies, windows, splits and batches.

Nothing here knows a model.
"""

from typing import TYPE_CHECKING

from .._later import later
from ._batching import Batch as Batch
from ._batching import Batches as Batches
from ._batching import Data as Data
from ._dataset import Dataset as Dataset
from ._streams import Streams as Streams

if TYPE_CHECKING:
    from . import classification as classification
    from . import generation as generation
    from . import prediction as prediction
    from . import seq2seq as seq2seq
    from ._readers import CodingWindows as CodingWindows
    from ._readers import Feature as Feature
    from ._readers import Genome as Genome
    from ._readers import LabelledSeries as LabelledSeries
    from ._readers import Table as Table
    from ._readers import calendar as calendar
    from ._readers import coding_windows as coding_windows
    from ._readers import from_frame as from_frame
    from ._readers import piano_roll as piano_roll
    from ._readers import read_conll as read_conll
    from ._readers import read_csv as read_csv
    from ._readers import read_fasta as read_fasta
    from ._readers import read_genbank as read_genbank
    from ._readers import read_jsonl as read_jsonl
    from ._readers import read_midi as read_midi
    from ._readers import read_pairs as read_pairs
    from ._readers import read_strokes as read_strokes
    from ._readers import read_text as read_text
    from ._readers import read_ts as read_ts
    from ._readers import reverse_complement as reverse_complement
    from ._scaler import Scaler as Scaler
    from ._split import split as split
    from ._vocab import Vocabulary as Vocabulary
    from ._windows import windows as windows
    from ._words import words as words

_HOMES = {
    **{name: name for name in ("classification", "generation", "prediction", "seq2seq")},
    **dict.fromkeys(
        (
            "CodingWindows",
            "Feature",
            "Genome",
            "LabelledSeries",
            "Table",
            "calendar",
            "coding_windows",
            "from_frame",
            "piano_roll",
            "read_conll",
            "read_csv",
            "read_fasta",
            "read_genbank",
            "read_jsonl",
            "read_midi",
            "read_pairs",
            "read_strokes",
            "read_text",
            "read_ts",
            "reverse_complement",
        ),
        "_readers",
    ),
    "Scaler": "_scaler",
    "split": "_split",
    "Vocabulary": "_vocab",
    "windows": "_windows",
    "words": "_words",
}
__getattr__ = later(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
