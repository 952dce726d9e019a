"""What a failed call is told as: an error code of its requests, or what ends the run."""

from __future__ import annotations

from http import HTTPStatus

from rephrase.engines.base import CONTENT_FILTER, PROMPT_TOO_LONG
from rephrase.engines.connection import CallError, Server
from rephrase.engines.error_body import one_line
from rephrase.engines.refusals import Refusal
from rephrase.errors import UserError

BAD_REQUEST = "engine:bad_request"
TIMEOUT = "engine:timeout"
UNAVAILABLE = "engine:unavailable"

REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
_SECRET = 8  # characters from which on a header may be a key


def error_of(failure: CallError, refusal: Refusal | None, server: Server) -> str:
    """The error of requests whose call has failed for good."""
    message = shown(failure.message, server)
    if refusal == "prompt_too_long":
        return PROMPT_TOO_LONG
    if refusal == "content_filter":
        return f"{CONTENT_FILTER}: {message}"
    if failure.timed_out:
        return TIMEOUT
    return f"{BAD_REQUEST if failure.status in REFUSED else UNAVAILABLE}: {message}"


def refuse_unusable(failure: CallError, server: Server, *, answered: bool) -> None:
    """Raise a `UserError` where no request can succeed: the key, the address or the model is wrong.

    `answered`: whether the server has ever given a completion.
    """
    message = shown(failure.message, server)
    if failure.status == HTTPStatus.UNAUTHORIZED or (failure.status == HTTPStatus.FORBIDDEN and not answered):
        cure = f"set {server.key_name} on the driver and the executors (spark.executorEnv.{server.key_name})"
        raise UserError(f"the endpoint refuses access: {message}", where=server.url, cure=cure)
    if failure.status == HTTPStatus.NOT_FOUND and not answered:
        what = f"the endpoint does not know the model `{server.model}` or the address: {message}"
        raise UserError(what, where=server.url, cure="check `model`, and that `url` goes up to and with /v1")


def no_answer(failure: CallError, server: Server) -> UserError:
    """The error that nobody is there."""
    cure = "start it, or check `url` and the network; the same command then goes on, and asks for nothing again that was answered"
    return UserError(f"the endpoint does not answer: {shown(failure.message, server)}", where=server.url, cure=cure)


def shown(message: str, server: Server) -> str:
    """A server's words in one short line, without the key that it may quote."""
    for key in (value.rpartition(" ")[2] for _, value in server.headers):
        message = message.replace(key, "***") if len(key) >= _SECRET else message
    return one_line(message)


def with_status(failure: CallError, server: Server) -> str:
    """The same, behind the status of HTTP if there is one."""
    message = shown(failure.message, server)
    return f"HTTP {failure.status} {message}" if failure.status else message
