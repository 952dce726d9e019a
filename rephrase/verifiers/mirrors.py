"""Objects of another process as objects of this one: each attribute, call and operator is asked for over there.

Whether two things are equal is what verdicts are made of, so a mirrored object is not simply believed. Where `Peer.trusted` does not name its
class, it equals a value of this side only as the plain data it is (a named tuple is a tuple), and no operator shows it that value. And what
says that it equals something is asked about other things too: who says yes to all of them is equal to none.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from rephrase.verifiers.values import STANDARD

# What an operation on one object asks, and what it asks with a value beside it.
_ALONE = """
    len length_hint iter next getitem setitem delitem reversed call bool int float complex index str repr format hash bytes fspath
    abs neg pos invert round trunc floor ceil enter exit aenter aexit aiter anext
""".split()
_ARITHMETIC = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or".split()
_BESIDE = ["lt", "le", "gt", "ge", *(f"{side}{name}" for name in _ARITHMETIC for side in ("", "r", "i"))]
SPECIALS = [f"__{name}__" for name in (*_ALONE, *_BESIDE, "copy", "deepcopy", "eq", "contains", "await", "get")]
_PLAIN = (int, float, complex, str, bytes, tuple, list, dict, set, frozenset)
_PROTOCOLS = "__array"  # by which NumPy has an object compute and compare


class Asked(Protocol):
    """What a mirror needs of the connection to the other side."""

    trusted: Callable[[Mirror], bool] | None

    def request(self, operation: str, *arguments: Any) -> Any:
        """Have the other side do something."""

    def get(self, owner: Any, name: str) -> Any:
        """An attribute of an object there."""

    def adopt(self, there: Any, here: Any) -> None:
        """Let an object stand for what a mirror stood for."""


class Mirror(type):
    """A class of the other side."""

    __peer__: Asked

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> Mirror:
        """A class statement here whose base is there: made on both sides, its functions stay here."""
        peers = [base.__peer__ for base in bases if isinstance(base, Mirror) and hasattr(base, "__peer__")]
        if not peers:
            return type.__new__(cls, name, bases, body)
        own = {key: value for key, value in body.items() if key not in ("__classcell__", "__module__", "__qualname__")}
        there = peers[0].request("subclass", name, bases, own)
        kind = type.__new__(cls, name, bases, {**{key: value for key, value in vars(there).items() if key in SPECIALS}, **body})
        peers[0].adopt(there, kind)
        return kind

    @classmethod
    def of_class(cls, peer: Asked, description: dict[str, Any]) -> Mirror:
        """The mirror of a class that `describe` told of."""
        specials = set(description["specials"]) & set(SPECIALS)
        body: dict[str, Any] = {name: _special(name, plain=description["plain"]) for name in specials - {"__await__", "__get__"}}
        body |= {name: function for name, function in description["methods"].items() if name == "__init__" or not name.startswith("__")}
        body |= {"__peer__": peer, "__module__": description["module"], "__doc__": description["doc"]}
        if "__call__" in specials:
            body |= {"__call__": _call, "__signature__": property(_signature)}
        if "__eq__" in specials and "__hash__" not in specials:
            body["__hash__"] = None
        if "__get__" in specials and "__call__" in specials:
            body |= {"__get__": _bind, "__doc__": property(lambda self: peer.request("get", self, "__doc__"))}
        if description["awaitable"]:
            body["__await__"] = _wait
        if description["fields"]:
            from dataclasses import make_dataclass

            body["__dataclass_fields__"] = make_dataclass("Fields", description["fields"]).__dataclass_fields__  # type: ignore[attr-defined]
        bases = tuple(base for base in description["bases"] if isinstance(base, Mirror) or issubclass(base, BaseException))
        mixed = bases if any(isinstance(base, Mirror) for base in bases) else (Mirrored, *bases)
        try:
            return type.__new__(cls, description["name"], mixed, body)
        except TypeError:  # an order of bases that Python does not take without those that have no mirrors
            return type.__new__(cls, description["name"], (Mirrored, *[base for base in bases if not isinstance(base, Mirror)][:1]), body)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls.__peer__.request("call", cls, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name == "__peer__" or name.startswith(_PROTOCOLS):
            raise AttributeError(name)
        return cls.__peer__.get(cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        cls.__peer__.request("set", cls, name, value)
        if name in vars(cls):
            type.__setattr__(cls, name, value)

    def __iter__(cls) -> Iterator[Any]:
        return iter(cls.__peer__.request("special", cls, "__iter__", ()))

    def __len__(cls) -> int:
        return int(cls.__peer__.request("special", cls, "__len__", ()))

    def __bool__(cls) -> bool:
        return True

    def __getitem__(cls, key: Any) -> Any:
        return cls.__peer__.request("item", cls, key)


class Mirrored(metaclass=Mirror):
    """An object of the other side."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith(_PROTOCOLS):
            raise AttributeError(name)
        return type(self).__peer__.get(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__") and isinstance(self, BaseException) and hasattr(BaseException, name):
            object.__setattr__(self, name, value)  # of how it was raised here
        else:
            type(self).__peer__.request("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        type(self).__peer__.request("delete", self, name)

    def __copy__(self) -> Any:
        return type(self).__peer__.request("special", self, "__copy__", ())

    def __deepcopy__(self, _: object) -> Any:
        return type(self).__peer__.request("special", self, "__deepcopy__", ())

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return dict(type(self).__peer__.get(self, "__dict__"))


class Stranger:
    """What nothing equals."""


def describe(kind: type) -> dict[str, Any]:
    """What the other side must know of a class to make a mirror of it."""
    bases = [base for base in kind.__bases__ if issubclass(base, BaseException) or not _standard(base)]
    fields = getattr(kind, "__dataclass_fields__", {})
    methods = {} if _standard(kind) else {name: value for name, value in vars(kind).items() if type(value) is types.FunctionType}
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


def plain(value: Any) -> Any:
    """The plain data that an object of a derived class holds, whatever that class says."""
    kind = next(kind for kind in _PLAIN if isinstance(value, kind))
    if kind in (int, float, complex):
        return kind.__add__(value, kind())  # type: ignore[attr-defined]
    if kind in (str, bytes):
        return kind.__getitem__(value, slice(None))  # type: ignore[attr-defined]
    return kind(dict.items(value) if kind is dict else kind.__iter__(value))  # type: ignore[attr-defined]


def _standard(kind: type) -> bool:
    return str(kind.__module__).partition(".")[0] in STANDARD - {"__main__"} and kind.__module__ in sys.modules


def _has(kind: type, name: str) -> bool:
    """Whether a class says something of its own about an operator: not what every object or standard exception says."""
    owner = next((one for one in kind.__mro__ if name in vars(one)), object)
    return vars(owner).get(name) is not None and owner is not object and not (_standard(owner) and issubclass(owner, BaseException))


def _bind(self: Mirrored, owner: Any, kind: type | None = None) -> Any:
    return self if owner is None else types.MethodType(self, owner)


def _wait(self: Mirrored) -> Iterator[Any]:
    """A coroutine there runs to its end at once."""
    return type(self).__peer__.request("run", self)
    yield


def in_form(mirror: Any) -> Any:
    """A mirror of a generator or coroutine as one of this side, which gives what that gives."""
    form = type(mirror).__name__ if type(mirror).__module__ == "builtins" else ""
    if form == "generator":
        return _generate(mirror)
    return _await(mirror) if form == "coroutine" else mirror


def _generate(mirror: Any) -> Any:
    step, argument = "send", None
    while True:
        try:
            item = getattr(mirror, step)(argument)
        except StopIteration as end:
            return end.value
        try:
            step, argument = "send", (yield item)
        except GeneratorExit:
            mirror.close()
            raise
        except BaseException as error:  # noqa: BLE001  # thrown into this generator, and so into that one
            step, argument = "throw", error


async def _await(mirror: Any) -> Any:
    return await mirror


def _call(self: Mirrored, /, *args: Any, **kwargs: Any) -> Any:
    return type(self).__peer__.request("call", self, args, kwargs)


def signature(function: Any) -> list[tuple[str, int, bool, Any]]:
    """The parameters of a function: name, kind, whether it has a default, and that."""
    import inspect

    parameters = inspect.signature(function).parameters.values()
    return [
        (one.name, int(one.kind), one.default is not one.empty, None if one.default is one.empty else one.default) for one in parameters
    ]


def _signature(self: Mirrored) -> Any:
    import inspect

    parameters = type(self).__peer__.request("signature", self)
    kinds, empty = list(inspect._ParameterKind), inspect.Parameter.empty
    return inspect.Signature(
        [inspect.Parameter(name, kinds[kind], default=value if has else empty) for name, kind, has, value in parameters]
    )


def _special(name: str, *, plain: bool) -> Callable[..., Any]:
    beside = name.strip("_") in _BESIDE

    def ask(self: Mirrored, *others: Any) -> Any:
        return type(self).__peer__.request("special", self, name, others)

    def own(self: Mirrored, other: Any, *rest: Any) -> Any:
        """The answer of this side, where the other side is not to be shown the value."""
        if plain:
            return getattr(type(self).__peer__.request("plain", self), name, lambda *_: NotImplemented)(other, *rest)
        if name == "__contains__":
            return any(item is other or item == other for item in self)  # type: ignore[attr-defined]
        return NotImplemented

    def ask_beside(self: Mirrored, other: Any, *rest: Any) -> Any:
        trusted = type(self).__peer__.trusted
        if trusted is None or isinstance(other, Mirrored) or trusted(type(self)):
            return ask(self, other, *rest)
        return own(self, other, *rest)

    def equal(self: Mirrored, other: Any) -> Any:
        peer = type(self).__peer__
        answer = ask_beside(self, other)
        answer = bool(answer) if isinstance(answer, Mirrored) else answer
        if peer.trusted is not None and answer is True and any(_says_equal(self, another) for another in _others(other)):
            return False
        return answer

    def _says_equal(self: Mirrored, other: Any) -> bool:
        try:
            answer = ask_beside(self, other)
            return answer is True or (isinstance(answer, Mirrored) and bool(answer))
        except Exception:  # noqa: BLE001  # it compares with nothing of that kind
            return False

    return equal if name == "__eq__" else ask_beside if beside or name == "__contains__" else ask


def _others(value: Any) -> Iterator[Any]:
    """Things that differ from a value."""
    yield Stranger()
    if isinstance(value, (int, float)):
        yield -value - 1.5
        yield value + 1 if value + 1 != value else 0
    elif isinstance(value, (str, bytes, list, tuple)):
        yield value + value if value else [None] if isinstance(value, list) else "?"  # type: ignore[operator]
    elif type(value) in (dict, set, frozenset):
        yield {*value, "another"} if type(value) is not dict else {**value, "another": None}
