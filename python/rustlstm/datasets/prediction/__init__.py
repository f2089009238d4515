"""What comes next: series, and sequences with one target.

Two forms. A *series* (sine, autoregressive, mackey_glass, lorenz, weather, random_walk) is one long array [T] or
[T, C] without y, which a forecaster or ``windows`` cuts; its optimum is the mean squared error of the best prediction
one step ahead. *Sequences* (all others) have an x for each sample and a y for it, or for each step of it.
"""

from ._numbers import adding as adding
from ._numbers import counting as counting
from ._numbers import multiplication as multiplication
from ._reber import continual_reber as continual_reber
from ._reber import embedded_reber as embedded_reber
from ._reber import reber_success as reber_success
from ._series import autoregressive as autoregressive
from ._series import lorenz as lorenz
from ._series import mackey_glass as mackey_glass
from ._series import random_walk as random_walk
from ._series import sine as sine
from ._series import weather as weather
from ._symbols import noise_task as noise_task
from ._symbols import shopping as shopping
