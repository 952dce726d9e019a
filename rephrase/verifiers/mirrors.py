"""Objects of another process as objects of this one: each attribute, call and operator is asked for over there.

Whether two things are equal is what verdicts are made of, so a mirrored object is not simply believed. Where `Peer.trusted` does not know
its class, it equals a value of this side only as the plain data it is (a named tuple is a tuple), and no operator shows it that value.
What the class of an object decides is asked so that it has to know the answer (`fairness.py`).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from rephrase.verifiers.fairness import FAIR, ask_fairly

if TYPE_CHECKING:
    from random import Random

# What an operation asks of one object, and what it asks with a value beside it.
_ALONE = """len length_hint iter next getitem setitem delitem reversed call bool int float complex index str repr format hash bytes fspath
    abs neg pos invert round trunc floor ceil enter exit aenter aexit aiter anext"""
_ARITHMETIC = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or"
_BESIDE = frozenset(["lt", "le", "gt", "ge", *(f"{side}{name}" for name in _ARITHMETIC.split() for side in ("", "r", "i"))])
SPECIALS = [f"__{name}__" for name in (*_ALONE.split(), *sorted(_BESIDE), "copy", "deepcopy", "eq", "contains", "await", "get")]
_PROTOCOLS = "__array"  # by which NumPy has an object compute and compare


class Asked(Protocol):
    """What a mirror needs of the connection to the other side."""

    trusted: Callable[[Mirror], bool] | None

    @property
    def order(self) -> Random:
        """An order that the other side does not know, the same for the same tests."""

    def request(self, operation: str, *arguments: Any) -> Any:
        """Have the other side do something."""

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
        """Make an object over there."""
        return cls.__peer__.request("call", cls, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name == "__peer__" or name.startswith(_PROTOCOLS):
            raise AttributeError(name)
        return cls.__peer__.request("get", cls, name)

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
        return type(self).__peer__.request("get", self, name)

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
        return dict(type(self).__peer__.request("get", self, "__dict__"))


def _bind(self: Any, owner: Any, _: type | None = None) -> Any:
    return self if owner is None else types.MethodType(self, owner)


def _wait(self: Mirrored) -> Generator[Any, Any, Any]:
    """A coroutine there runs to its end at once."""
    yield from ()
    return type(self).__peer__.request("run", self)


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
        except RuntimeError as error:
            if isinstance(error.__cause__, StopIteration):  # as a call tells it where it may not end other iterators
                return error.__cause__.value
            raise
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


def _signature(self: Mirrored) -> Any:
    import inspect

    parameters = type(self).__peer__.request("signature", self)
    kind_of: Any = type(inspect.Parameter.KEYWORD_ONLY)
    empty = inspect.Parameter.empty
    made = [inspect.Parameter(name, kind_of(kind), default=value if has else empty) for name, kind, has, value in parameters]
    return inspect.Signature(made)


def _special(name: str, *, plain: bool) -> Callable[..., Any]:
    beside = name.strip("_") in _BESIDE or name == "__contains__"

    def ask(self: Mirrored, *others: Any) -> Any:
        return type(self).__peer__.request("special", self, name, others)

    def own(self: Mirrored, other: Any, *rest: Any) -> Any:
        """The answer of this side, where the other side is not to be shown the value."""
        if plain:
            return getattr(type(self).__peer__.request("plain", self), name, lambda *_: NotImplemented)(other, *rest)
        if name == "__contains__":
            return any(item is other or item == other for item in iter(self))
        return NotImplemented

    def ask_beside(self: Mirrored, other: Any, *rest: Any) -> Any:
        peer = type(self).__peer__
        if peer.trusted is None:
            return ask(self, other, *rest)
        if not (isinstance(other, Mirrored) or peer.trusted(type(self))):
            return own(self, other, *rest)
        if name in FAIR:
            return ask_fairly(name, other, lambda value: ask(self, value), _says_yes, lambda: peer.order)
        return ask(self, other, *rest)

    def equal(self: Mirrored, other: Any) -> Any:
        answer = ask_beside(self, other)
        return bool(answer) if isinstance(answer, Mirrored) else answer

    return equal if name == "__eq__" else ask_beside if beside else ask


def _says_yes(answer: Any) -> bool:
    return answer is True or (isinstance(answer, Mirrored) and bool(answer))
