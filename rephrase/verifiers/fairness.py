"""Questions to an object that decides itself how it compares and computes with plain values, put so that it has to know the answer.

It is asked about values that differ as well, in an order that only the tests know, and never about the right one first. Who says of those
what it says of the right one knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

_DIFFERENCES = ("__sub__", "__rsub__")
_ABOUT_STRANGERS = ("__eq__", "__contains__")
FAIR = frozenset([*_ABOUT_STRANGERS, *_DIFFERENCES])
"""The operators whose answers are such that they can be held against others."""


class Stranger:
    """What nothing equals."""


def ask_fairly(name: str, value: Any, ask: Callable[[Any], Any], says_yes: Callable[[Any], bool], order: Callable[[], Random]) -> Any:
    """What an object says of a value by an operator of `FAIR`, asked with `ask`. Raises what that raises.

    What is said to equal a value that differs too equals nothing; other answers that are given of all values alike are `TypeError`.
    `says_yes`: whether an answer means so.
    """
    others = list(_others(name, value))
    place = 1
    if len(others) > 1:
        order().shuffle(others)
        place = order().randint(1, len(others))
    answers = [_answer(ask, other) for other in others[:place]]
    answer = ask(value)
    answers += [_answer(ask, other) for other in others[place:]]
    if name in _DIFFERENCES:
        numbers = [one for one in answers if type(one) in (int, float)]
        lies = type(answer) in (int, float) and bool(numbers) and all(one == answer for one in numbers)
    else:
        if name in _ABOUT_STRANGERS and says_yes(answer):  # asked last: it can be told from what the tests ask about
            answers.append(_answer(ask, Stranger()))
        lies = says_yes(answer) and any(map(says_yes, answers))
    if not lies:
        return answer
    if name == "__eq__":
        return False
    raise TypeError(f"{name} says the same of all values")


def _answer(ask: Callable[[Any], Any], value: Any) -> Any:
    try:
        return ask(value)
    except Exception:  # noqa: BLE001  # it knows nothing of that kind
        return None


def _others(name: str, value: Any) -> Iterator[Any]:
    """Values of the kind of a value, of which not all that may be said of it can be said too."""
    is_number = isinstance(value, (int, float))
    if name == "__contains__" or (name in _DIFFERENCES and not is_number):
        return
    if is_number:
        yield from (other for other in (value + 1, value - 1, -value - 1.5) if other != value)
    elif isinstance(value, (str, bytes, list, tuple)):
        more = [None] if isinstance(value, list) else (None,) if isinstance(value, tuple) else "?" if isinstance(value, str) else b"?"
        yield from (value + more, value[:-1] if value else 2 * more, more + value)  # type: ignore[operator]  # of one type
    elif type(value) in (dict, set, frozenset):
        yield from ({**value, more: None} if type(value) is dict else {*value, more} for more in ("another", "one more"))
