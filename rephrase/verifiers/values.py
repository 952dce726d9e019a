"""Values between two processes as JSON: plain data by value and rebuilt as Python's own types, everything else as a reference.

Lists, dicts and other containers that can be changed are numbered within a call. A reply names those that were sent by their numbers, and
brings the content of those that the call changed: so a function may sort its argument in place, or give it back (call by copy and restore;
Tilevich and Smaragdakis 2003, "NRMI: Natural and Efficient Middleware").
"""

from __future__ import annotations

import builtins
import datetime as dt
import decimal
import fractions
import json
import operator
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

_SCALARS = (type(None), bool, int, float, str)
_CONTAINERS: dict[str, type] = {kind.__name__: kind for kind in (list, dict, set, bytearray, deque, OrderedDict, defaultdict, Counter)}
_DICTS = (dict, OrderedDict, defaultdict, Counter)
_VIEWS = {"dict_keys": type({}.keys()), "dict_values": type({}.values()), "dict_items": type({}.items())}
_REBUILT: dict[str, type] = {  # immutable, and made again by a call with plain arguments
    kind.__name__: kind
    for kind in (
        *(complex, range, slice, decimal.Decimal, fractions.Fraction),
        *(dt.date, dt.time, dt.datetime, dt.timedelta, dt.timezone),
    )
}
_SINGLETONS = {"...": ..., "NotImplemented": NotImplemented}
STANDARD = frozenset(sys.stdlib_module_names)


class Containers:
    """The containers of one call, by number."""

    def __init__(self) -> None:
        self.objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}

    def number(self, value: Any) -> int | None:
        """The number of a container, or None if it is a new one."""
        return self._numbers.get(id(value))

    def add(self, value: Any, number: int | None = None) -> int:
        """Number a container."""
        number = len(self.objects) if number is None else number
        self.objects[number], self._numbers[id(value)] = value, number
        return number

    def snapshot(self) -> dict[int, list[Any]]:
        """What is in each container now."""
        return {number: _content(value) for number, value in self.objects.items()}

    def changed(self, before: dict[int, list[Any]]) -> list[Any]:
        """The containers that hold something else than they did."""
        return [self.objects[number] for number, content in before.items() if not _same(content, _content(self.objects[number]))]


class Values:
    """Encodes and decodes the values of one side. `refer` and `resolve` handle what is no plain data."""

    def __init__(self, refer: Callable[[Any, Containers], list[Any]], resolve: Callable[[list[Any], Containers], Any]) -> None:
        self._refer = refer
        self._resolve = resolve

    def encode(self, value: Any, containers: Containers, *, known: bool = True) -> Any:  # noqa: PLR0911  # a case for each kind of value
        """A value as JSON. `known`: a container that has a number already is named by it."""
        kind = type(value)
        if kind in _SCALARS:
            return value
        if kind in (tuple, frozenset):
            return [kind.__name__, self._all(list(value), containers)]
        if kind is bytes:
            return ["bytes", value.hex()]
        if _CONTAINERS.get(kind.__name__) is kind:
            return self._container(value, containers, known=known)
        if _REBUILT.get(kind.__name__) is kind:
            return ["new", kind.__name__, self._all(_arguments(value), containers)]
        if _VIEWS.get(kind.__name__) is kind:
            return ["view", kind.__name__, self._all(list(value), containers)]
        if value is ... or value is NotImplemented:
            return ["singleton", "..." if value is ... else "NotImplemented"]
        if isinstance(value, type) and (name := standard_class(value)):
            return ["standard", *name]
        array = self._array(value, containers)
        return self._refer(value, containers) if array is None else array

    def decode(self, code: Any, containers: Containers) -> Any:  # noqa: PLR0911  # a case for each kind of value
        """The value that `encode` gave on the other side. Raises whatever it may if that side made it up."""
        if type(code) is not list:
            return code
        tag, *rest = code
        if tag == "tuple":
            return tuple(self._every(rest[0], containers))
        if tag == "frozenset":
            return frozenset(self._every(rest[0], containers))
        if tag == "bytes":
            return bytes.fromhex(rest[0])
        if tag == "same":
            return containers.objects[rest[0]]
        if tag == "container":
            return self._filled(rest, containers)
        if tag == "new":
            return _REBUILT[rest[0]](*self._every(rest[1], containers))
        if tag == "view":
            return _view(rest[0], self._every(rest[1], containers))
        if tag == "singleton":
            return _SINGLETONS[rest[0]]
        if tag == "standard":
            return find_standard(*rest)
        if tag == "array":
            return _numpy().frombuffer(bytes.fromhex(rest[2]), rest[0]).reshape(rest[1]).copy()
        return self._resolve(code, containers)

    def _all(self, values: list[Any], containers: Containers) -> list[Any]:
        if not set(map(type, values)).difference(_SCALARS):
            return values
        return [self.encode(value, containers) for value in values]

    def _every(self, codes: list[Any], containers: Containers) -> list[Any]:
        return [self.decode(code, containers) for code in codes]

    def _container(self, value: Any, containers: Containers, *, known: bool) -> list[Any]:
        number = containers.number(value)
        if number is not None and known:
            return ["same", number]
        number = containers.add(value) if number is None else number
        extra = value.default_factory if type(value) is defaultdict else value.maxlen if type(value) is deque else None
        content = [bytes(value).hex()] if type(value) is bytearray else self._all(_content(value), containers)
        return ["container", type(value).__name__, number, self.encode(extra, containers), content]

    def _filled(self, code: list[Any], containers: Containers) -> Any:
        name, number, extra, content = code
        kind = _CONTAINERS[name]
        if number in containers.objects:
            value = containers.objects[number]
            if type(value) is not kind:
                raise TypeError(f"container {number} is a {type(value).__name__}")
        else:
            value = kind(self.decode(extra, containers)) if kind is defaultdict else deque(maxlen=extra) if kind is deque else kind()
            containers.add(value, number)
        if kind is bytearray:
            value[:] = bytes.fromhex(content[0])
            return value
        items = self._every(content, containers)
        value.clear()
        if kind in _DICTS:
            for key, item in zip(items[::2], items[1::2], strict=True):
                value[key] = item
        elif kind is set:
            value.update(items)
        else:
            value.extend(items)
        return value

    def _array(self, value: Any, containers: Containers) -> Any:
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return None
        if type(value) is numpy.ndarray and value.dtype.kind in "biufc":
            return ["array", value.dtype.str, list(value.shape), value.tobytes().hex()]
        if isinstance(value, numpy.generic) and type(value).__module__ == "numpy" and value.dtype.kind in "biufc":
            return self.encode(value.item(), containers)
        return None


def is_container(value: Any) -> bool:
    """Whether a value is plain data that can be changed."""
    return type(value) in _CONTAINERS.values()


def dump(message: dict[str, Any]) -> bytes:
    """A message as a line."""
    with _AnyNumberOfDigits():
        return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def load(line: bytes) -> dict[str, Any]:
    """A line as a message. Raises `ValueError` if it is none."""
    with _AnyNumberOfDigits():
        message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("no message")  # noqa: TRY004  # as for what is no JSON
    return message


def is_standard(kind: type) -> bool:
    """Whether a class is of Python's own modules."""
    return str(kind.__module__).partition(".")[0] in STANDARD - {"__main__"} and kind.__module__ in sys.modules


def standard_class(kind: type) -> tuple[str, str] | None:
    """Module and name of a class of Python's own that both sides have: data, or an exception. None for others."""
    module, name = kind.__module__, kind.__qualname__
    if type(module) is not str or module.partition(".")[0] not in STANDARD or module.startswith("unittest"):
        return None
    plain = kind in _SCALARS or kind in _CONTAINERS.values() or kind in _REBUILT.values() or kind.__module__ == "builtins"
    found = getattr(sys.modules.get(module), name, None)
    return (module, name) if found is kind and (plain or issubclass(kind, BaseException)) else None


def find_standard(module: str, name: str) -> type:
    """The class of Python's own with this name. Raises `TypeError` if it is no such class."""
    if module == "builtins":
        kind = getattr(builtins, name)
    elif module.partition(".")[0] in STANDARD:
        kind = getattr(__import__(module, fromlist=[name]), name)
    else:
        kind = None
    if not isinstance(kind, type) or standard_class(kind) != (module, name):
        raise TypeError(f"{module}.{name} is no standard class")
    return kind


def _content(value: Any) -> list[Any]:
    if isinstance(value, _DICTS):
        return [part for item in value.items() for part in item]
    return list(value)


def _same(first: list[Any], second: list[Any]) -> bool:
    return len(first) == len(second) and all(map(operator.is_, first, second))


def _arguments(value: Any) -> list[Any]:
    if isinstance(value, (range, slice)):
        return [value.start, value.stop, value.step]
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, fractions.Fraction):
        return [value.numerator, value.denominator]
    if isinstance(value, decimal.Decimal):
        return [str(value)]
    return list(value.__reduce__()[1]) if not isinstance(value, dt.timezone) else list(value.__getinitargs__())  # type: ignore[attr-defined]


def _view(name: str, items: list[Any]) -> Any:
    if name == "dict_items":
        return dict(items).items()
    return dict.fromkeys(items).keys() if name == "dict_keys" else dict(enumerate(items)).values()


def _numpy() -> Any:
    import numpy as np

    return np


class _AnyNumberOfDigits:
    """Within it, numbers are read and written however long they are."""

    def __enter__(self) -> None:
        self._before = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)

    def __exit__(self, *_: object) -> None:
        sys.set_int_max_str_digits(self._before)
