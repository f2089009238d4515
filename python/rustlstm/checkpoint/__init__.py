"""Files that survive: arrays and states on disk, written whole or not at all, and read without trust.

Everything is a safetensors file, which the ``safetensors`` package reads too. Nothing is ever unpickled or evaluated.
"""

from ._atomic import write_atomically as write_atomically
from ._record import read_record as read_record
from ._record import write_record as write_record
from ._state import load_state as load_state
from ._state import save_state as save_state
from ._tensors import DamagedFileError as DamagedFileError
from ._tensors import TensorFile as TensorFile
from ._tensors import load_tensors as load_tensors
from ._tensors import save_tensors as save_tensors
