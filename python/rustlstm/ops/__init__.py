"""Operations on the tape. Each call here is one node, however long the sequence.

The functions take tensors or arrays and know nothing of modules; what has a decision in it is in ``nn``. Arithmetic
with a recurrence or an inner loop is Rust; glue is numpy.
"""

from .._core import Cache as Cache
from .._core import LstmCore as LstmCore
from .._core import Stream as Stream
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
from ._values import ArrayLike as ArrayLike
from ._values import as_f32 as as_f32
from ._values import kept as kept
from ._values import values as values
