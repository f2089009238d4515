"""Models: what is made of layers, how it learns from data, and how it is saved and loaded."""

from ._estimator import NotFittedError as NotFittedError
from ._files import load as load
from ._files import save as save
from .classification import SequenceClassifier as SequenceClassifier
from .generation import SequenceGenerator as SequenceGenerator
from .prediction import SequencePredictor as SequencePredictor
from .seq2seq import Seq2Seq as Seq2Seq
from .tagging import SequenceTagger as SequenceTagger
