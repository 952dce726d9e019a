"""What a program may ask of its tests' process: their functions and objects that it was given, and their input and output."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn

from rephrase.verifiers.candidate import special
from rephrase.verifiers.mirrors import SPECIALS
from rephrase.verifiers.values import standard_class

# Whose attributes lead to the tests' own variables.
_CLOSED = (
    *(type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.GeneratorType),
    *(types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType, types.CodeType),
)
_OPEN = ("__name__", "__qualname__", "__doc__", "__module__", "send", "throw", "close")


def serving(lost: Callable[[str], NoReturn], most_printed: int) -> dict[str, Callable[..., Any]]:
    """The operations, by name. `most_printed`: bytes that the program may print; more is the end."""
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
        if isinstance(function, type) and standard_class(function):
            raise TypeError(f"{function.__name__} is not the tests' own")
        return function(*args, **kwargs)

    def operate(owner: Any, name: str, args: tuple[Any, ...]) -> Any:
        if name not in SPECIALS or name == "__get__":
            raise AttributeError(name)
        return special(owner, name, args)

    def get(owner: Any, name: str) -> Any:
        return getattr(owner, _open(owner, name))

    def set_(owner: Any, name: str, value: Any) -> None:
        setattr(owner, _open(owner, name, to_change=True), value)

    def delete(owner: Any, name: str) -> None:
        delattr(owner, _open(owner, name, to_change=True))

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
