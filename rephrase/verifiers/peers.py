"""Two processes that call each other's functions over a pair of pipes, one request at a time, each answered before the next.

What is no plain data stays where it is: the other side gets a mirror of it (`mirrors.py`), and each use of that mirror is a request.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

from rephrase.verifiers.descriptions import describe, signature
from rephrase.verifiers.mirrors import Mirror, in_form
from rephrase.verifiers.values import Containers, Values, dump, find_standard, is_container, load, standard_class

_MOST_BYTES = 64 << 20  # of a message
_WRITTEN_BACK = 8  # containers that are attributes and were read last


class Peer:
    """One side of the pair. `operations` are what the other side may ask for by name; `lost` is called when it is gone or talks nonsense.

    `trusted`: whether a mirrored class decides how its objects compare and compute with values of this side; None: they all do.
    """

    def __init__(
        self,
        reading: int,
        writing: int,
        lost: Callable[[str], NoReturn],
        operations: dict[str, Callable[..., Any]] | None = None,
        trusted: Callable[[Mirror], bool] | None = None,
    ) -> None:
        self.operations = {"describe": lambda number: describe(self._ours[number]), "signature": signature, **(operations or {})}
        self.trusted = trusted
        self.lost = lost
        self.hand_over: Callable[[], None] = lambda: None  # what this side has to say first
        self._from, self._to = os.fdopen(reading, "rb"), os.fdopen(writing, "wb")
        self._lock = threading.RLock()
        self._values = Values(self._refer, self._resolve)
        self._ours: list[Any] = []  # what the other side has mirrors of, by number
        self._numbers: dict[int, int] = {}
        self._mirrors: dict[int, Any] = {}  # what we have mirrors of, by the other side's number
        self._mirrored: dict[int, int] = {}
        self._asked: list[Any] = []  # mirrors stay, as they are known by their identity
        self._read: deque[tuple[Any, str, Any, Any]] = deque(maxlen=_WRITTEN_BACK)  # attributes: owner, name, value, how it was

    def request(self, operation: str, *arguments: Any) -> Any:
        """Have the other side do something, and serve what it asks for meanwhile. Raises what that raises."""
        with self._lock:
            if operation != "printed":
                self.hand_over()
                self._write_back()
            containers = Containers()
            self._send({"do": operation, "with": [self._values.encode(value, containers) for value in arguments]})
            while "do" in (message := self._receive()):
                self._serve(message)
            try:
                for code in message["changed"]:
                    self._values.decode(code, containers)
                result = self._values.decode(message["gives"], containers)
            except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
                self.lost(f"an answer that is none: {error}")
        if message.get("raised"):
            object.__setattr__(result, "from_other_side", True)
            raise result
        return result

    def get(self, owner: Any, name: str) -> Any:
        """An attribute of a mirrored object. A container that is changed here is changed there before the next request."""
        value = self.request("get", owner, name)
        if is_container(value):
            self._read.append((owner, name, value, self._values.encode(value, Containers())))
        return value

    def adopt(self, there: Any, here: Any) -> None:
        """Let an object stand for what a mirror stood for."""
        self._keep(self._mirrored[id(there)], here)

    def _write_back(self) -> None:
        read, self._read = self._read, deque(maxlen=_WRITTEN_BACK)
        for owner, name, value, before in read:
            now = self._values.encode(value, Containers())
            if now != before:
                self.request("restore", owner, name, value)
            self._read.append((owner, name, value, now))

    def serve(self) -> None:
        """Do what the other side asks for until it is gone."""
        while True:
            self._serve(self._receive())

    def _serve(self, message: dict[str, Any]) -> None:
        containers = Containers()
        try:
            operation = self.operations[message["do"]]
            arguments = [self._values.decode(code, containers) for code in message["with"]]
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
            self.lost(f"a request that is none: {error}")
        before = containers.snapshot()
        result: Any
        raised = False
        try:
            result = operation(*arguments)
            self._write_back()
            self.hand_over()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the other side shall see it
            result, raised = error.with_traceback(None), True
        try:
            answer = self._answer(result, containers, before)
        except (RecursionError, MemoryError, UnicodeError) as error:
            answer, raised = {"changed": [], "gives": self._refer(error, containers)}, True
        self._send({**answer, "raised": raised})

    def _answer(self, result: Any, containers: Containers, before: dict[int, list[Any]]) -> dict[str, Any]:
        changed = [self._values.encode(value, containers, known=False) for value in containers.changed(before)]
        return {"changed": changed, "gives": self._values.encode(result, containers)}

    def _send(self, message: dict[str, Any]) -> None:
        line = dump(message)
        try:
            self._to.write(line)
            self._to.flush()
        except BrokenPipeError:
            self.lost("")

    def _receive(self) -> dict[str, Any]:
        line = self._from.readline(_MOST_BYTES)
        if not line.endswith(b"\n"):
            self.lost(f"a message of more than {_MOST_BYTES >> 20} MiB" if line else "")
        try:
            return load(line)
        except (ValueError, RecursionError) as error:
            self.lost(f"no message: {error}")

    def _refer(self, value: Any, containers: Containers) -> list[Any]:
        """A value that stays here, as a reference; standard exceptions travel as their arguments."""
        if id(value) in self._mirrored:
            return ["yours", self._mirrored[id(value)]]
        if isinstance(value, BaseException) and (name := standard_class(type(value))):
            return ["exception", *name, [self._values.encode(part, containers) for part in value.args], _attributes(value)]
        if isinstance(value, type):
            return ["class", self._export(value)]
        arguments = [self._values.encode(part, containers) for part in value.args] if isinstance(value, BaseException) else []
        number = self._export(value)
        return ["object", number, ["class", self._export(type(value))], arguments]

    def _resolve(self, code: list[Any], containers: Containers) -> Any:
        tag, number, *rest = code
        if tag == "yours":
            return self._ours[number]
        if tag == "exception":
            kind = find_standard(number, rest[0])
            if not issubclass(kind, BaseException):
                raise TypeError(f"{kind} is no exception")
            return _exception(kind, [self._values.decode(part, containers) for part in rest[1]], rest[2])
        if number in self._mirrors:
            return self._mirrors[number]
        if tag == "class":
            return self._keep(number, Mirror.of_class(self, self.request("describe", number)))
        if tag != "object":
            raise ValueError(f"unknown tag {tag}")
        kind = self._values.decode(rest[0], containers)
        mirror = kind.__new__(kind)
        if isinstance(mirror, BaseException):
            object.__setattr__(mirror, "args", tuple(self._values.decode(part, containers) for part in rest[1]))
        self._keep(number, mirror)
        self._asked.append(mirror)
        return self._keep(number, in_form(mirror))

    def _export(self, value: Any) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._ours)
            self._ours.append(value)
        return self._numbers[id(value)]

    def _keep(self, number: int, mirror: Any) -> Any:
        self._mirrors[number], self._mirrored[id(mirror)] = mirror, number
        return mirror


def _exception(kind: type[BaseException], arguments: list[Any], attributes: dict[str, Any]) -> BaseException:
    try:
        error = kind(*arguments)
    except Exception:  # noqa: BLE001  # those whose arguments are not what they are made from
        error = kind.__new__(kind)
        error.args = tuple(arguments)
    vars(error).update(attributes)
    return error


def _attributes(error: BaseException) -> dict[str, Any]:
    return {name: value for name, value in vars(error).items() if type(value) in (bool, int, float, str)}
