"""Exceptions of the package that more than one part of it raises."""


class NonFiniteError(ArithmeticError):
    """A number is NaN or infinite where that would spoil the model; nothing was changed."""
