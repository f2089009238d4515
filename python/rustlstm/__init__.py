"""LSTM layers with the arithmetic in Rust and numpy arrays in and out."""

from typing import TYPE_CHECKING

from . import checkpoint as checkpoint
from . import datasets as datasets
from . import losses as losses
from . import nn as nn
from . import ops as ops
from . import optim as optim
from . import training as training
from ._core import RustPanic as RustPanic
from ._core import __version__ as __version__
from ._core import build_info as build_info
from ._core import get_num_threads as get_num_threads
from ._core import set_num_threads as set_num_threads
from ._errors import NonFiniteError as NonFiniteError
from ._later import later
from .tensor import Tensor as Tensor
from .tensor import backward as backward
from .tensor import no_grad as no_grad
from .training import History as History
from .training import Trainer as Trainer

if TYPE_CHECKING:
    from . import baselines as baselines
    from . import forecasting as forecasting
    from . import metrics as metrics
    from . import models as models
    from . import sampling as sampling
    from .baselines import compare as compare
    from .forecasting import AnomalyDetector as AnomalyDetector
    from .forecasting import Forecaster as Forecaster
    from .models import Seq2Seq as Seq2Seq
    from .models import SequenceClassifier as SequenceClassifier
    from .models import SequenceGenerator as SequenceGenerator
    from .models import SequencePredictor as SequencePredictor
    from .models import SequenceTagger as SequenceTagger
    from .models import load as load
    from .models import save as save

_HOMES = {
    **{name: name for name in ("baselines", "forecasting", "metrics", "models", "sampling")},
    **dict.fromkeys(("AnomalyDetector", "Forecaster"), "forecasting"),
    **dict.fromkeys(("Seq2Seq", "SequenceClassifier", "SequenceGenerator", "SequencePredictor"), "models"),
    **dict.fromkeys(("SequenceTagger", "load", "save"), "models"),
    "compare": "baselines",
}
# A file may hold a forecaster, whose class must be known then.
__getattr__ = later(__name__, _HOMES, also={"load": "forecasting"})


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
