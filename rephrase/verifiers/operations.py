"""What a program may ask of its tests' process: their functions and objects that it was given, and their input and output."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn

from rephrase.verifiers.candidate import special
from rephrase.verifiers.mirrors import SPECIALS
from rephrase.verifiers.values import is_standard

# Whose attributes lead to the tests' own variables.
_CLOSED = (
    *(type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.GeneratorType),
    *(types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType, types.CodeType),
)
_OPEN = ("__name__", "__qualname__", "__doc__", "__module__", "send", "throw", "close")


def serving(lost: Callable[[str], NoReturn], most_printed: int, gave: Callable[[Any], bool]) -> dict[str, Callable[..., Any]]:
    """The operations, by name. `most_printed`: bytes that the program may print; more is the end. `gave`: what the program was given.

    Whatever else it names it has itself, as plain data and classes of Python's own are: here, `format` of a text of its would read all
    that the tests know.
    """
    left = most_printed

    def printed(text: str) -> None:
        nonlocal left
        left -= len(text)
        if left < 0:
            lost(f"output: more than {most_printed} bytes")
        sys.stdout.write(text)

    def line() -> str:
        return sys.stdin.readline()

    def ask(prompt: str) -> Any:
        return builtins.input(prompt)

    def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return callable_(function)(*args, **kwargs)

    def operate(owner: Any, name: str, args: tuple[Any, ...]) -> Any:
        if name not in SPECIALS or name == "__get__":
            raise AttributeError(name)
        return special(callable_(owner) if name == "__call__" else own(owner), name, args)

    def get(owner: Any, name: str) -> Any:
        return getattr(own(owner), _open(owner, name))

    def set_(owner: Any, name: str, value: Any) -> None:
        setattr(own(owner), _open(owner, name, to_change=True), value)

    def delete(owner: Any, name: str) -> None:
        delattr(own(owner), _open(owner, name, to_change=True))

    def own(value: Any) -> Any:
        if not gave(value):
            raise TypeError(f"a {type(value).__name__} that the tests did not give")
        return value

    def callable_(function: Any) -> Any:
        if isinstance(own(function), type) and is_standard(function):
            raise TypeError(f"{function.__name__} is not the tests' own")
        return function

    return {
        "printed": printed,
        "line": line,
        "input": ask,
        "call": call,
        "special": operate,
        "get": get,
        "set": set_,
        "delete": delete,
    }


def _open(owner: Any, name: str, *, to_change: bool = False) -> str:
    """The name, if the program may use that attribute. Raises `AttributeError` if it may not."""
    if name in _OPEN and not to_change and isinstance(name, str):
        return name
    if not isinstance(name, str) or name.startswith("__") or isinstance(owner, _CLOSED):
        raise AttributeError(f"{type(owner).__name__!r} object has no attribute {name!r}")
    return name
