"""Two processes that call each other's functions over a pair of pipes, one request at a time, each answered before the next.

What is no plain data stays where it is: the other side gets a mirror of it (`mirrors.py`), and each use of that mirror is a request.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from rephrase.verifiers.descriptions import describe, signature
from rephrase.verifiers.mirrors import Mirror, in_form
from rephrase.verifiers.values import Containers, Values, dump, find_standard, is_container, load, standard_class

if TYPE_CHECKING:
    from random import Random

_MOST_BYTES = 64 << 20  # of a message
_SHARED, _MOST_SHARED = 8, 1000  # how many containers are kept alike on both sides after a call, and how long one may be
_SHARING = ("call", "special", "get", "item")  # not those that decoding asks for, which come in between


class _Shared:
    """A container that both sides have, and its content as both know it."""

    def __init__(self, number: int, value: Any, content: Any) -> None:
        self.number, self.value, self.content = number, value, content


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
        self.stops_iterators = True  # whether a StopIteration of any call there may end an iterator here, such as `map`
        self.secret = ""  # what the other side does not know
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
        self._shared: deque[_Shared] = deque(maxlen=_SHARED)
        self._shared_so_far = 0

    def request(self, operation: str, *arguments: Any) -> Any:
        """Have the other side do something, and serve what it asks for meanwhile. Raises what that raises."""
        with self._lock:
            if operation != "printed":
                self.hand_over()
            containers = Containers()
            self._send(
                {"do": operation, "with": [self._values.encode(value, containers) for value in arguments]}, _passed(operation, arguments)
            )
            while "do" in (message := self._receive()):
                self._serve(message)
            try:
                for code in message["changed"]:
                    self._values.decode(code, containers)
                result = self._values.decode(message["gives"], containers)
                self._share([] if message["raised"] or operation not in _SHARING else [result])
            except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
                self.lost(f"an answer that is none: {error}")
        if message["raised"]:
            object.__setattr__(result, "from_other_side", True)
            if isinstance(result, StopIteration) and not (self.stops_iterators or _is_step(operation, arguments)):
                raise RuntimeError("StopIteration") from result
            raise result
        return result

    def adopt(self, there: Any, here: Any) -> None:
        """Let an object stand for what a mirror stood for."""
        self._keep(self._mirrored[id(there)], here)

    @functools.cached_property
    def order(self) -> Random:
        """An order that the other side does not know, the same for the same secret."""
        from random import Random

        return Random(self.secret)

    def gave(self, value: Any) -> bool:
        """Whether the other side has a mirror of this value."""
        return id(value) in self._numbers

    def serve(self) -> None:
        """Do what the other side asks for until it is gone."""
        while True:
            self._serve(self._receive())

    def _serve(self, message: dict[str, Any]) -> None:
        containers = Containers()
        try:
            operation = self.operations[message["do"]]
            arguments = [self._values.decode(code, containers) for code in message["with"]]
            self._share(_passed(message["do"], arguments))
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
            self.lost(f"a request that is none: {error}")
        before = containers.snapshot()
        result: Any
        raised = False
        try:
            result = operation(*arguments)
            self.hand_over()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the other side shall see it
            result, raised = error.with_traceback(None), True
        try:
            answer = self._answer(result, containers, before)
        except (RecursionError, MemoryError, UnicodeError) as error:
            answer, raised = {"changed": [], "gives": self._refer(error, containers)}, True
        self._send({**answer, "raised": raised}, [] if raised or message["do"] not in _SHARING else [result])

    def _answer(self, result: Any, containers: Containers, before: dict[int, list[Any]]) -> dict[str, Any]:
        changed = [self._values.encode(value, containers, known=False) for value in containers.changed(before)]
        return {"changed": changed, "gives": self._values.encode(result, containers)}

    def _share(self, values: Iterable[Any]) -> None:
        """Keep containers alike on both sides after they went over: each may be changed later by who has it."""
        for value in values:
            if is_container(value) and len(value) <= _MOST_SHARED:
                self._shared_so_far += 1
                self._shared.append(_Shared(self._shared_so_far, value, self._values.encode(value, Containers())))

    def _changes(self) -> list[Any]:
        changes = []
        for shared in self._shared:
            now = self._values.encode(shared.value, Containers())
            if now != shared.content:
                shared.content = now
                changes.append([shared.number, now])
        return changes

    def _take_changes(self, changes: list[Any]) -> None:
        by_number = {shared.number: shared for shared in self._shared}
        for number, code in changes:
            if shared := by_number.get(number):
                containers = Containers()
                containers.add(shared.value)
                self._values.decode(code, containers)
                shared.content = self._values.encode(shared.value, Containers())

    def _send(self, message: dict[str, Any], passed: Iterable[Any]) -> None:
        line = dump({**message, "later": self._changes()})
        self._share(passed)
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
            message = load(line)
            self._take_changes(message["later"])
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
            self.lost(f"no message: {error}")
        return message

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


def _is_step(operation: str, arguments: Sequence[Any]) -> bool:
    """Whether a request asks an iterator for its next item."""
    return operation == "special" and arguments[1] in ("__next__", "__anext__")


def _passed(operation: str, arguments: Sequence[Any]) -> list[Any]:
    """What a request hands over to be kept: arguments of calls, and values of attributes."""
    if operation == "call":
        return [*arguments[1], *arguments[2].values()]
    return list(arguments[2]) if operation == "special" else [arguments[2]] if operation == "set" else []


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
