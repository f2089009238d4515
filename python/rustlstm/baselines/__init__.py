"""Baselines: what a model must beat before it is worth anything. They know no model.

Each has scikit-learn's habits: the constructor stores options, ``fit`` returns the baseline, learned names end in
``_``, and there are ``predict``, ``score``, ``get_params`` and ``set_params``.
"""

from ._arima import ARIMA as ARIMA
from ._compare import Comparison as Comparison
from ._compare import Row as Row
from ._compare import compare as compare
from ._items import MarkovChain as MarkovChain
from ._items import NGram as NGram
from ._items import Popularity as Popularity
from ._labels import Hexamer as Hexamer
from ._labels import MostFrequent as MostFrequent
from ._labels import MostFrequentTag as MostFrequentTag
from ._labels import NaiveBayes as NaiveBayes
from ._naive import Drift as Drift
from ._naive import LastValue as LastValue
from ._naive import Mean as Mean
from ._naive import SeasonalNaive as SeasonalNaive
from ._regression import LinearAutoregression as LinearAutoregression
from ._regression import WindowMLP as WindowMLP
from ._seq2seq import CopyInput as CopyInput
from ._seq2seq import NearestNeighbour as NearestNeighbour
