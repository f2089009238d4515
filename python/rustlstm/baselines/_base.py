"""What all baselines share: options that are stored and nothing else, and learned names that end in ``_``."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

Self = TypeVar("Self", bound="Baseline")


class Baseline:
    """An estimator with scikit-learn's habits. Options are checked by ``fit``."""

    @classmethod
    def _options(cls) -> dict[str, Any]:
        """Return the constructor's options and what they are if left out."""
        named = inspect.signature(cls).parameters.values()
        return {each.name: each.default for each in named}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options by name."""
        return {name: getattr(self, name) for name in self._options()}

    def set_params(self: Self, **options: Any) -> Self:
        """Change options by name; ``fit`` again to use them."""
        known = self._options()
        for name, value in options.items():
            if name not in known:
                raise ValueError(f"{type(self).__name__} has no option {name!r}; it has {', '.join(known) or 'none'}")
            setattr(self, name, value)
        return self

    def _fitted(self) -> None:
        """Refuse to go on before ``fit``."""
        if not any(name.endswith("_") and not name.startswith("_") for name in vars(self)):
            raise RuntimeError(f"{type(self).__name__} is not fitted yet: call fit first")

    def __repr__(self) -> str:
        known = self._options()
        shown = (f"{name}={value!r}" for name, value in self.get_params().items() if not _same(value, known[name]))
        return f"{type(self).__name__}({', '.join(shown)})"


def same_length(X: Any, y: Any) -> None:
    """Refuse samples and targets of different number."""
    if not hasattr(y, "__len__") or isinstance(y, (str, bytes)):
        raise TypeError(f"y must hold a target for each sample of X, got {y!r}")
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} samples and y has {len(y)}; they must be as many")


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))
