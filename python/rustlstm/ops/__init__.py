"""Operations on the tape. Each call here is one node, however long the sequence.

The functions take tensors or arrays and know nothing of modules; what has a decision in it is in ``nn``. Arithmetic
with a recurrence or an inner loop is Rust; glue is numpy.
"""

from .._core import Cache as Cache
from .._core import LstmCore as LstmCore
from .._core import Stream as Stream
from ._arithmetic import absolute as absolute
from ._arithmetic import add as add
from ._arithmetic import clip as clip
from ._arithmetic import divide as divide
from ._arithmetic import exp as exp
from ._arithmetic import log as log
from ._arithmetic import maximum as maximum
from ._arithmetic import minimum as minimum
from ._arithmetic import multiply as multiply
from ._arithmetic import negative as negative
from ._arithmetic import power as power
from ._arithmetic import relu as relu
from ._arithmetic import sigmoid as sigmoid
from ._arithmetic import softplus as softplus
from ._arithmetic import sqrt as sqrt
from ._arithmetic import subtract as subtract
from ._arithmetic import tanh as tanh
from ._arithmetic import where as where
from ._custom import custom as custom
from ._loss import Reduction as Reduction
from ._loss import activation_regulariser as activation_regulariser
from ._loss import binary_cross_entropy as binary_cross_entropy
from ._loss import cross_entropy as cross_entropy
from ._loss import gaussian_nll as gaussian_nll
from ._loss import negative_binomial_nll as negative_binomial_nll
from ._loss import regression_loss as regression_loss
from ._loss import student_t_nll as student_t_nll
from ._lstm import expand_batch as expand_batch
from ._lstm import lstm as lstm
from ._lstm import pad as pad
from ._reduce import max as max
from ._reduce import mean as mean
from ._reduce import min as min
from ._reduce import sum as sum
from ._shape import concat as concat
from ._shape import expand_dims as expand_dims
from ._shape import index as index
from ._shape import reshape as reshape
from ._shape import squeeze as squeeze
from ._shape import stack as stack
from ._shape import swapaxes as swapaxes
from ._shape import transpose as transpose
from ._ufunc import ufunc as ufunc
from ._values import ArrayLike as ArrayLike
from ._values import as_f32 as as_f32
from ._values import kept as kept
from ._values import values as values
