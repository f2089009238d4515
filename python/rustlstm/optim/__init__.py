"""Optimizers, and what goes with them: clipping of gradients, averages of weights, schedules of the rate.

Names and defaults are PyTorch's. The arithmetic is Rust, one call for all parameters; a step is taken as a whole or,
where a number is not finite, not at all.
"""

from . import schedules as schedules
from ._adadelta import Adadelta as Adadelta
from ._adagrad import Adagrad as Adagrad
from ._adam import Adam as Adam
from ._adam import AdamW as AdamW
from ._adam import NAdam as NAdam
from ._asgd import ASGD as ASGD
from ._average import EMA as EMA
from ._clip import clip_grad_norm as clip_grad_norm
from ._clip import clip_grad_value as clip_grad_value
from ._optimizer import Optimizer as Optimizer
from ._rmsprop import RMSprop as RMSprop
from ._sgd import SGD as SGD
