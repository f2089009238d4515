"""Models as files: a safetensors file whose metadata say how the module is made.

    class, config        the classes and arguments, from ``Module.config``; no config if a class is not of this library
    shared               a parameter with several paths: each further path, and the first, under which it is stored
    frozen, counters     the parameters that need no gradient; how much the random layers have drawn

    estimator            what an estimator has beside its network: options, and what it has learned

Loading makes the module without memory for its parameters, as long as the file has as many, and only then reads.
"""

from __future__ import annotations

import math
import os
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from ..checkpoint import DamagedFileError, TensorFile, read_record, save_tensors, write_record
from ..checkpoint._record import KIND
from ..nn import Module
from ..nn._config import build
from ..nn._parameter import undrawn

# The name in the content of what an estimator has beside its network; names of its arrays begin with it.
ESTIMATOR = "estimator"
# An option may be this large whatever the file's size: a kernel, a stride.
SMALL = 1 << 16
# Arguments that say how a model begins or is trained, and nothing of what it computes afterwards. Zoneout is none of
# them: a trained layer takes its mean. Of sizes, which can be given in several ways, the parameters tell.
NOT_COMPARED = {
    "hidden_size",
    *("seed", "init", "forget_bias", "frozen"),
    *("p", "locked", "dropout", "input_dropout", "recurrent_dropout", "locked_dropout", "weight_drop"),
    "recompute",
}


class Fitted(Protocol):
    """An estimator, as files see it."""

    network_: Module

    def _description(self) -> dict[str, Any]: ...

    def _restore(self, description: Mapping[str, Any], network: Module) -> None: ...


def save(model: Module | Fitted, path: str | os.PathLike[str], *, torch: bool = False) -> None:
    """Write a model to a safetensors file: classes, arguments, parameters and counters.

    Args:
        model: any module, or an estimator; one with a class of your own is loaded with ``into``.
        path: the file; it is replaced whole or not at all.
        torch: store the parameters under PyTorch's names, for ``load_state_dict`` there.

    >>> import tempfile, rustlstm as rl
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> rl.save(rl.nn.LSTM(3, 5, layer_norm=True), path)
    >>> rl.load(path)
    LSTM(3, 5, layer_norm=True)
    """
    estimator = None
    if not isinstance(model, Module) and hasattr(model, "_description"):
        estimator, model = model._description(), model.network_
    if not isinstance(model, Module):
        raise TypeError(f"model must be a Module or an estimator, got {type(model).__name__}")
    content: dict[str, Any] = {"class": type(model).__name__, "config": None, "torch": torch}
    try:
        content["config"] = model.config()
    except TypeError as reason:
        content["reason"] = str(reason)
    content["shared"] = _shared(model)
    tensors = model.state_dict(torch=torch)
    # PyTorch wants every name, those of shared parameters too.
    for name in () if torch else content["shared"]:
        del tensors[name]
    content["frozen"] = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    content["counters"] = model.counters()
    if estimator is not None:
        if content["config"] is None:
            raise TypeError(f"the estimator cannot be saved: {content['reason']}")
        content[ESTIMATOR] = estimator
    metadata, arrays = write_record("model", content)
    save_tensors(path, {**tensors, **arrays}, {**metadata, "format": "pt"} if torch else metadata)


def load(path: str | os.PathLike[str], into: Module | None = None) -> Any:
    """Read a model from a file of ``save``: a module in training mode, as a new one is, or a fitted estimator.

    Args:
        path: the file.
        into: a model of the same shapes that takes on the parameters and counters; needed for classes of your own, and
            for files that were not written by ``save``, PyTorch's for one. What else it was made with must be the same,
            dropout and the like aside, as far as the file says so; which parameters are frozen is up to it. On an error
            it is as it was.

    Returns:
        The model, or ``into``.
    """
    path = os.fspath(path)
    if into is not None and not isinstance(into, Module):
        raise TypeError(f"into must be a Module, got {type(into).__name__}; an estimator is loaded without")
    with TensorFile(path) as file:
        if into is None or KIND in file.metadata:
            learned = file.read([name for name in file.entries if name.startswith(f"{ESTIMATOR}/")])
            content = _checked(path, read_record(path, "model", file.metadata, learned))
        else:
            learned, content = {}, {"counters": into.counters()}
        model = _made(path, content, file) if into is None else into
        state = file.read([name for name in file.entries if name not in learned])
    before = model.counters()
    try:
        if into is not None and content.get("config") is not None:
            _refuse_differences(content["config"], into)
        model.load_counters(content["counters"])
        model.load_state_dict(state)
    except ValueError as error:
        model.load_counters(before)
        raise ValueError(f"{path} does not fit {type(model).__name__}: {error}") from error
    return model if into is not None or ESTIMATOR not in content else _estimator(path, content[ESTIMATOR], model)


def _estimator(path: str, description: Any, network: Module) -> Any:
    """Return the fitted estimator around a network."""
    try:
        made = build({"class": description["class"], "arguments": {}})
        if not hasattr(made, "_restore"):
            raise ValueError(f"{description['class']!r} is no estimator")
        made._restore(description, network.eval())
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise DamagedFileError(f"the estimator in {path} cannot be made: {error}") from error
    return made


def _shared(model: Module) -> dict[str, str]:
    first: dict[int, str] = {}
    paths = {name: first.setdefault(id(parameter), name) for name, parameter in model._all().items()}
    return {name: stored for name, stored in paths.items() if name != stored}


def _checked(path: str, content: Any) -> dict[str, Any]:
    """Return the content if each part has the type that it should have."""
    kinds = {"class": str, "config": dict | None, "shared": dict, "frozen": list, "counters": dict}
    if not isinstance(content, dict) or not all(isinstance(content.get(part), kind) for part, kind in kinds.items()):
        raise DamagedFileError(f"the metadata of {path} do not describe a model")
    return content


def _made(path: str, content: dict[str, Any], file: TensorFile) -> Module:
    """Return the module that the metadata describe; its parameters have shapes and no memory."""
    name, config = content["class"], content.get("config")
    if config is None:
        raise ValueError(
            f"{path} holds a {name!r}, and {content.get('reason')}; make the model and call rl.load(path, into=model), "
            "or model.load_state_dict(rl.checkpoint.load_tensors(path)[0])"
        )
    try:
        parameters, numbers = _most(content["shared"], file)
        _refuse_large(config, max(SMALL, numbers))
        with undrawn(parameters, numbers):
            model = build(config)
        if not isinstance(model, Module):
            raise ValueError(f"{name} is not a module")
        _share(model, content["shared"])
        for path_of, parameter in model.named_parameters():
            parameter.requires_grad = path_of not in content["frozen"]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the model that {path} describes cannot be made: {error}") from error
    return model


def _share(model: Module, shared: dict[str, Any]) -> None:
    """Let each path that was stored under another lead to that one's parameter."""
    owners = dict(model.named_modules())
    parameters = model._all()
    for name, stored in shared.items():
        owner, _, attribute = name.rpartition(".")
        known = isinstance(stored, str) and name in parameters and stored in parameters
        if not known or parameters[name].shape != parameters[stored].shape:
            raise ValueError(f"{name} and {stored!r} cannot be one parameter")
        setattr(owners[owner], attribute, parameters[stored])


def _most(shared: dict[str, Any], file: TensorFile) -> tuple[int, int]:
    """Return how many parameters, and numbers in them, the model of a file can have, those that it shares repeated."""
    sizes = {name: math.prod(entry.shape) for name, entry in file.entries.items()}
    repeated = [sizes.get(stored, 0) for stored in shared.values() if isinstance(stored, str)]
    return len(sizes) + len(shared), sum(sizes.values()) + sum(repeated)


def _refuse_differences(config: Any, into: Module) -> None:
    """Fail if a model computes something else than that of a file, with the same parameters."""
    try:
        own = into.config()
    except TypeError:  # of a class of the user's own, of which the file says nothing either
        return
    for difference in _differences(config, own, ""):
        raise ValueError(f"{difference} in the model")


def _differences(theirs: Any, own: Any, name: str) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(own, dict):
        for key in own:
            if key in theirs and key not in NOT_COMPARED:
                way = name if key == "arguments" else f"{name}.{key}" if name else str(key)
                yield from _differences(theirs[key], own[key], way)
    elif isinstance(theirs, (list, tuple)) and isinstance(own, (list, tuple)) and len(theirs) == len(own):
        for index, pair in enumerate(zip(theirs, own, strict=True)):
            yield from _differences(*pair, f"{name}[{index}]")
    elif theirs != own:
        yield f"{name} is {reprlib.repr(theirs)} in the file and {reprlib.repr(own)}"


def _refuse_large(config: Any, limit: int) -> None:
    """Fail if an argument is a whole number that no model of a file of this size needs."""
    if isinstance(config, dict):
        for name, value in config.items():
            if name != "seed":
                if isinstance(value, int) and abs(value) > limit:
                    raise ValueError(f"{name}={value} is too large for a file of this size")
                _refuse_large(value, limit)
    elif isinstance(config, (list, tuple)):
        _refuse_large(dict(enumerate(config)), limit)
