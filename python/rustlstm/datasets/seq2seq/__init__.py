"""One sequence into another: strings into strings, sentences into sentences, numbers into numbers.

Where the inputs are strings, all of them are different, so a split has none in both parts; and there is exactly one
right output, so the best "exact_match" is 1.
"""

from ._language import compression as compression
from ._language import translation as translation
from ._numbers import addition as addition
from ._numbers import dates as dates
from ._numbers import multi_step as multi_step
from ._programs import curriculum as curriculum
from ._programs import programs as programs
from ._strings import copy as copy
from ._strings import reverse as reverse
from ._strings import sort as sort
