"""The command line: `rustlstm demo`, and models on files without a line of Python."""

from ._main import main as main
