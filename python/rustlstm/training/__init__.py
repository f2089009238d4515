"""The training loop. It knows no task; the estimators of ``models`` are tasks that use it."""

from ._callbacks import Callback as Callback
from ._callbacks import Checkpoint as Checkpoint
from ._callbacks import CSVLog as CSVLog
from ._callbacks import EarlyStopping as EarlyStopping
from ._history import History as History
from ._progress import Progress as Progress
from ._trainer import Trainer as Trainer
