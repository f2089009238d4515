"""Data for training: readers of files, numbers for tokens, splits, windows and batches. Nothing here knows a model."""

from ._batching import Batch as Batch
from ._batching import Batches as Batches
from ._batching import Data as Data
from ._dataset import Dataset as Dataset
from ._scaler import Scaler as Scaler
from ._split import split as split
from ._streams import Streams as Streams
from ._vocab import Vocabulary as Vocabulary
from ._windows import windows as windows
