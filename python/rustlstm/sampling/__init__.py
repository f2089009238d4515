"""Sequences from a model: sampling, as a whole or token by token, and beam search.

What is drawn follows from the seed, the sample's number and the position alone: sample 5 is the same by itself, among
others, and streamed. The loop is Rust; Ctrl-C stops it.

>>> import rustlstm as rl
>>> from rustlstm.sampling import Temperature, TopK, generate
>>> model = rl.nn.LanguageModel(20, 8, 16)
>>> sample = generate(model, [1, 2, 3], length=5, filters=[Temperature(0.8), TopK(4)], seed=1)
>>> len(sample.tokens)
5
"""

from ._beam import Hypothesis as Hypothesis
from ._beam import beam_search as beam_search
from ._filters import Ban as Ban
from ._filters import Bias as Bias
from ._filters import Filter as Filter
from ._filters import Force as Force
from ._filters import FrequencyPenalty as FrequencyPenalty
from ._filters import Greedy as Greedy
from ._filters import MaxLength as MaxLength
from ._filters import MinLength as MinLength
from ._filters import MinP as MinP
from ._filters import NoRepeat as NoRepeat
from ._filters import PresencePenalty as PresencePenalty
from ._filters import RepetitionPenalty as RepetitionPenalty
from ._filters import Temperature as Temperature
from ._filters import TopK as TopK
from ._filters import TopP as TopP
from ._filters import Typical as Typical
from ._filters import filter_logits as filter_logits
from ._generate import Sample as Sample
from ._generate import generate as generate
from ._stream import astream as astream
from ._stream import stream as stream
from ._texts import TokenModel as TokenModel
