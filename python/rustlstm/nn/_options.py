"""The checks of options, for the layers."""

from .._options import count as count
from .._options import flag as flag
from .._options import number as number
from .._options import seed_number as seed_number
