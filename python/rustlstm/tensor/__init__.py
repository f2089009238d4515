"""Tensors and the tape that gradients flow back along."""

from ._tape import Array as Array
from ._tape import Gradients as Gradients
from ._tape import adding as adding
from ._tape import backward as backward
from ._tape import no_grad as no_grad
from ._tape import nothing as nothing
from ._tape import recording as recording
from ._tensor import Tensor as Tensor
from ._tensor import Versioned as Versioned
from ._tensor import attach as attach
from ._tensor import from_list as from_list
from ._tensor import wrap as wrap
