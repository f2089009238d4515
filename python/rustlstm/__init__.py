"""LSTM layers with the arithmetic in Rust and numpy arrays in and out."""

from . import checkpoint as checkpoint
from . import datasets as datasets
from . import losses as losses
from . import metrics as metrics
from . import nn as nn
from . import ops as ops
from . import optim as optim
from . import sampling as sampling
from . import training as training
from ._core import RustPanic as RustPanic
from ._core import __version__ as __version__
from ._core import build_info as build_info
from ._core import get_num_threads as get_num_threads
from ._core import set_num_threads as set_num_threads
from ._errors import NonFiniteError as NonFiniteError
from .models import SequenceClassifier as SequenceClassifier
from .models import SequencePredictor as SequencePredictor
from .models import SequenceTagger as SequenceTagger
from .models import load as load
from .models import save as save
from .tensor import Tensor as Tensor
from .tensor import backward as backward
from .tensor import no_grad as no_grad
from .training import History as History
from .training import Trainer as Trainer
