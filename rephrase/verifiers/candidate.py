"""The side of the program that is verified: it is run, and then does what the tests ask of it. Nothing here knows the tests."""

from __future__ import annotations

import builtins
import copy
import io
import os
import sys
import types
from typing import Any, NoReturn

from rephrase.verifiers.descriptions import plain
from rephrase.verifiers.peers import Peer

_SOLUTION = "solution"
_PRINTED_AT_ONCE = 1 << 16


class Candidate:
    """A program, and the operations on what it defines."""

    def __init__(self, source: str, reading: int, writing: int) -> None:
        self._source = source
        self._module = types.ModuleType(_SOLUTION)
        operations = (self.load, self.take, self.play, call, special, item, get, set_, delete, subclass, run)
        self.peer = Peer(reading, writing, _leave, {operation.__name__.strip("_"): operation for operation in operations})
        self.peer.operations["plain"] = plain
        _talk_by(self.peer)

    def load(self, name: str) -> tuple[str, list[tuple[str, str, bool]]]:
        """Run the program as a module. Gives how it left early, if so, and its names: each with its kind, and whether it is defined there.

        Raises what the program raises.
        """
        self._module.__dict__["__name__"] = name
        sys.modules[name] = self._module
        try:
            left = self._execute(self._module)
        except EOFError as error:  # a script that reads, beside the functions that the tests call
            left = f"EOFError: {error}"
        names = [(key, value) for key, value in vars(self._module).items() if not key.startswith("__")]
        return left, [(key, _kind(value), getattr(value, "__module__", None) == name) for key, value in names]

    def take(self, name: str) -> Any:
        """A global of the program; the name of a module, where it is one."""
        value = vars(self._module)[name]
        return value.__name__ if isinstance(value, types.ModuleType) else value

    def play(self) -> str:
        """Run the program anew, as a script. Gives how it left early, if so."""
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        return self._execute(module)

    def _execute(self, module: types.ModuleType) -> str:
        try:
            exec(compile(self._source, "program", "exec"), vars(module))  # noqa: S102  # what this process is for
        except SystemExit as error:
            return f"SystemExit: {error.code}"
        return ""


def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call something."""
    return function(*args, **kwargs)


def special(owner: Any, name: str, args: tuple[Any, ...]) -> Any:
    """Call what stands behind an operator."""
    if name in ("__copy__", "__deepcopy__"):
        return copy.copy(owner) if name == "__copy__" else copy.deepcopy(owner)
    return getattr(type(owner), name)(owner, *args)


def item(owner: Any, key: Any) -> Any:
    """An item of a class."""
    return owner[key]


def get(owner: Any, name: str) -> Any:
    """An attribute."""
    return getattr(owner, name)


def set_(owner: Any, name: str, value: Any) -> None:
    """Set an attribute."""
    setattr(owner, name, value)


def delete(owner: Any, name: str) -> None:
    """Delete an attribute."""
    delattr(owner, name)


def subclass(name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
    """Make a class whose methods are the other side's."""
    return types.new_class(name, bases, exec_body=lambda namespace: namespace.update(body))


def run(coroutine: Any) -> Any:
    """Run a coroutine to its end."""
    import asyncio

    async def wait() -> Any:
        return await coroutine

    return asyncio.run(wait())


def _kind(value: Any) -> str:
    if isinstance(value, types.ModuleType):
        return "module"
    return "class" if isinstance(value, type) else "function" if callable(value) else "value"


def _leave(reason: str) -> NoReturn:
    del reason  # the tests are over, or have found fault
    os._exit(0)


class _Printed(io.RawIOBase):
    """What is printed goes to what the tests have as sys.stdout, with the next message."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.waiting += (text := bytes(data))
        if len(self.waiting) > _PRINTED_AT_ONCE:
            self.hand_over()
        return len(text)

    def hand_over(self) -> None:
        """Send what is waiting."""
        if self.waiting:
            text, self.waiting = self.waiting.decode(errors="replace"), bytearray()
            self._peer.request("printed", text)


class _Typed(io.RawIOBase):
    """What is read comes from what the tests have as sys.stdin, a line at a time."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer."""
        self._left = self._left or str(self._peer.request("line")).encode(errors="surrogatepass")
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _talk_by(peer: Peer) -> None:
    """Let the program print and read through the tests, and tell `input` of theirs."""
    printed = _Printed(peer)
    sys.stdout = stdout = io.TextIOWrapper(io.BufferedWriter(printed), encoding="utf-8", errors="replace", write_through=True)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Typed(peer)), encoding="utf-8", errors="replace")

    def ask(prompt: object = "", /) -> Any:
        return peer.request("input", str(prompt))

    def hand_over() -> None:
        stdout.flush()
        printed.hand_over()

    builtins.input = ask
    peer.hand_over = hand_over
