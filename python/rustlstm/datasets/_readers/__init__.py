"""Readers of the files that people have, one file a format. None of them runs anything that is in a file."""

from ._coding import CodingWindows as CodingWindows
from ._coding import coding_windows as coding_windows
from ._csv import read_csv as read_csv
from ._frame import from_frame as from_frame
from ._genome import Feature as Feature
from ._genome import Genome as Genome
from ._genome import read_fasta as read_fasta
from ._genome import read_genbank as read_genbank
from ._genome import reverse_complement as reverse_complement
from ._music import piano_roll as piano_roll
from ._music import read_midi as read_midi
from ._strokes import read_strokes as read_strokes
from ._table import Table as Table
from ._text import read_conll as read_conll
from ._text import read_jsonl as read_jsonl
from ._text import read_pairs as read_pairs
from ._text import read_text as read_text
from ._times import calendar as calendar
from ._ts import LabelledSeries as LabelledSeries
from ._ts import read_ts as read_ts
