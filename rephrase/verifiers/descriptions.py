"""What the other side of a pair of processes must know of an object to make a mirror of it."""

from __future__ import annotations

import types
from typing import Any

from rephrase.verifiers.mirrors import SPECIALS
from rephrase.verifiers.values import is_standard

_PLAIN: tuple[Any, ...] = (int, float, complex, str, bytes, tuple, list, dict, set, frozenset)


def describe(kind: type) -> dict[str, Any]:
    """A class, by what its mirror is made from."""
    bases = [base for base in kind.__bases__ if issubclass(base, BaseException) or not is_standard(base)]
    fields = getattr(kind, "__dataclass_fields__", {})
    methods = {} if is_standard(kind) else {name: value for name, value in vars(kind).items() if type(value) is types.FunctionType}
    return {
        "name": kind.__name__,
        "module": str(kind.__module__),
        "doc": kind.__doc__ if type(kind.__doc__) is str else None,
        "bases": bases,
        "specials": [name for name in SPECIALS if _has(kind, name)],
        "methods": {name: value for name, value in methods.items() if name == "__init__" or not name.startswith("__")},
        "fields": [str(name) for name in fields] if type(fields) is dict else [],
        "plain": issubclass(kind, _PLAIN),
        "awaitable": hasattr(kind, "__await__"),
    }


def signature(function: Any) -> list[tuple[str, int, bool, Any]]:
    """The parameters of a function: name, kind, whether it has a default, and that."""
    import inspect

    parameters = inspect.signature(function).parameters.values()
    return [
        (one.name, int(one.kind), one.default is not one.empty, None if one.default is one.empty else one.default) for one in parameters
    ]


def plain(value: Any) -> Any:
    """The plain data that an object of a derived class holds, whatever that class says."""
    kind = next(kind for kind in _PLAIN if isinstance(value, kind))
    if kind in (int, float, complex):
        return kind.__add__(value, kind())
    if kind in (str, bytes):
        return kind.__getitem__(value, slice(None))
    return kind(dict.items(value) if kind is dict else kind.__iter__(value))


def _has(kind: type, name: str) -> bool:
    """Whether a class says something of its own about an operator: not what every object or standard exception says."""
    owner = next((one for one in kind.__mro__ if name in vars(one)), object)
    return vars(owner).get(name) is not None and owner is not object and not (is_standard(owner) and issubclass(owner, BaseException))
