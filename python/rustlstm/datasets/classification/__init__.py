"""Which kind is it? Sequences with a label each, or (``anomalies``) with a label for each step.

The classes are equally frequent, so whoever cannot tell them apart is right as often as one label of all.
"""

from ._anomalies import anomalies as anomalies
from ._dna import coding_dna as coding_dna
from ._order import orderings as orderings
from ._order import temporal_order as temporal_order
from ._order import two_sequence as two_sequence
from ._reber import embedded_reber as embedded_reber
from ._sentiment import sentiment as sentiment
