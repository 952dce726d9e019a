"""A store that goes away for a while is waited for: its gateway is started again, a load balancer is exchanged, a network fails over."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AWAY = (429, 500, 502, 503, 504)
_SINCE = "rephrase-away-since"
_LONGEST_PAUSE = 5.0  # seconds

_has_answered = False


def expect_answers() -> None:
    """Be patient from the first call of this process on, and of those it forks: another process has found the address right."""
    global _has_answered  # noqa: PLW0603  # one address a process
    _has_answered = True


def wait_out(client: S3Client) -> None:
    """Ask again for REPHRASE_S3_PATIENCE seconds (120) where no answer comes, or one that says that the store is busy.

    The client's own retries come first. They are not enough: ten can be over in twenty seconds, and all calls of a process share an
    allowance of a hundred, after which each fails at once. A process that has had no answer yet goes by them alone, so that a wrong
    address is told soon.
    """
    handler: Any = _pause  # what a handler of this event returns, the stubs do not know
    client.meta.events.register_last("needs-retry.s3", handler)


def _pause(*, response: Any, caught_exception: Exception | None, request_dict: dict[str, Any], **_: Any) -> float | None:
    """Seconds until the call is made again; None where it is not made again, or the client's own retries say so already."""
    global _has_answered  # noqa: PLW0603  # one address a process
    if response is not None:
        _has_answered = True
    if not _has_answered or not _is_away(response, caught_exception):
        return None
    began: float = request_dict["context"].setdefault(_SINCE, time.monotonic())
    left = began + float(os.environ.get("REPHRASE_S3_PATIENCE", "120")) - time.monotonic()
    return random.uniform(0.5, 1) * min(_LONGEST_PAUSE, left) if left > 0 else None


def _is_away(response: Any, error: Exception | None) -> bool:
    from botocore import exceptions

    if error is not None:
        return isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError) and not isinstance(error, exceptions.SSLError)
    return response[0].status_code in _AWAY
