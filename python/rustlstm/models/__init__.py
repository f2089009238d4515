"""Models: what is made of layers, and how it is saved and loaded."""

from ._files import load as load
from ._files import save as save
