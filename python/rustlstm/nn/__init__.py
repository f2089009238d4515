"""Layers."""

from ._attention import Attention as Attention
from ._attention_pool import AttentionPool as AttentionPool
from ._cell import Cell as Cell
from ._conv import Conv1d as Conv1d
from ._conv import Conv2d as Conv2d
from ._dropout import Dropout as Dropout
from ._embedding import Embedding as Embedding
from ._encoder_decoder import EncoderDecoder as EncoderDecoder
from ._init import Init as Init
from ._language import LanguageModel as LanguageModel
from ._linear import Linear as Linear
from ._lstm import LSTM as LSTM
from ._lstm import Record as Record
from ._lstm import Stream as Stream
from ._lstm_cell import LSTMCell as LSTMCell
from ._module import LoadResult as LoadResult
from ._module import Module as Module
from ._norm import LayerNorm as LayerNorm
from ._parameter import Parameter as Parameter
from ._pool import AvgPool1d as AvgPool1d
from ._pool import AvgPool2d as AvgPool2d
from ._pool import MaxPool1d as MaxPool1d
from ._pool import MaxPool2d as MaxPool2d
from ._pool import Pool as Pool
from ._sequential import Sequential as Sequential
