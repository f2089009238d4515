"""Layers."""

from ._cell import Cell as Cell
from ._init import Init as Init
from ._lstm import LSTM as LSTM
from ._lstm import Record as Record
from ._lstm import Stream as Stream
from ._module import LoadResult as LoadResult
from ._module import Module as Module
from ._parameter import Parameter as Parameter
