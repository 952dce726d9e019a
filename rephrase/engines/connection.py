"""Calls of an OpenAI-compatible server over HTTP: JSON goes in, and bytes or a `CallError` come out."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import orjson

from rephrase.engines.error_body import read_error

if TYPE_CHECKING:
    import aiohttp

Result = TypeVar("Result")
_TRANSIENT = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_CONNECT_TIMEOUT, _LONGEST_RETRY_AFTER = 15.0, 300.0  # seconds
_PIECE, _LARGEST_BODY = 1 << 16, 64 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, and what it is known to do.

    `url` ends with /v1; `unix_socket` replaces its host; `model` is the name that the server knows; `max_model_len` is in tokens,
    None if unknown; `counts_tokens` says whether it returns the token ids of each choice, None if that must be found out;
    `bounds_texts` whether its schemas may bound texts (their lengths, how they begin), which some refuse.
    `headers` and `extra_body` go with every request; a None in `extra_body` takes a field out.
    """

    url: str
    model: str
    unix_socket: str | None = None
    max_model_len: int | None = None
    counts_tokens: bool | None = None
    bounds_texts: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    extra_body: tuple[tuple[str, Any], ...] = ()
    key_name: str = ""


class CallError(Exception):
    """A call that got no completions. `status` is the HTTP status, 0 where the connection failed; `retry_after` is in seconds.

    `unreached`: no connection was made. `codes` are what the server calls its error, in lower case.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after: float = 0.0,
        timed_out: bool = False,
        unreached: bool = False,
        codes: Collection[str] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after, self.timed_out, self.codes = status, message, retry_after, timed_out, codes
        self.unreached = unreached

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed later."""
        return not self.timed_out and (self.status == 0 or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.status in _TRANSIENT)


class Connection:
    """Connections to one server, made as they are needed. Lives in one event loop."""

    def __init__(self, server: Server, timeout: float, queued: Callable[[], Awaitable[bool]] | None = None) -> None:
        """`timeout`: seconds for an answer. `queued` is asked when they are over, and may grant as many again."""
        self._server, self._timeout, self._queued = server, timeout, queued
        self._session: aiohttp.ClientSession | None = None
        self.waiting = 0
        """Calls that have been sent, and wait for the whole answer."""

    async def post(self, resource: str, body: dict[str, Any]) -> tuple[bytes, str | None]:
        """The body that answers a POST of `body` to `resource`, a path below the server's URL, and what the server calls its charset.

        Raises `CallError` where the connection or the server fails.
        """
        import aiohttp

        if self._session is None:
            self._session = self._new_session()
        try:
            response, data = await self._in_time(self._exchange(self._session, resource, body))
        except TimeoutError as error:
            if isinstance(error, aiohttp.ServerTimeoutError):  # no connection in time
                raise CallError(0, "no connection in time", unreached=True) from error
            raise CallError(0, f"no answer within {self._timeout:g} s (request_timeout)", timed_out=True) from error
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise CallError(0, _told(error), unreached=isinstance(error, aiohttp.ClientConnectorError)) from error
        except aiohttp.ClientError as error:  # no HTTP, or a redirect to nowhere
            raise CallError(HTTPStatus.BAD_GATEWAY, f"the answer is no HTTP answer: {type(error).__name__} {error}") from error
        if response.history and response.method != "POST":  # a redirect that makes another request of ours
            raise CallError(response.history[0].status, f"the address has moved to {response.url}")
        if response.status // 100 != 2:
            error_body = read_error(data.decode(errors="replace"))
            wait = _retry_after(response.headers.get("Retry-After"))
            raise CallError(response.status, error_body.message or (response.reason or ""), retry_after=wait, codes=error_body.codes)
        return data, response.charset

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _exchange(self, session: aiohttp.ClientSession, resource: str, body: dict[str, Any]) -> tuple[aiohttp.ClientResponse, bytes]:
        sent: list[bool] = []
        try:
            async with session.post(self._server.url + resource, data=orjson.dumps(body), trace_request_ctx=sent) as response:
                return response, await _read(response)
        finally:
            self.waiting -= len(sent)

    async def _note_sent(self, _session: aiohttp.ClientSession, context: Any, _params: aiohttp.TraceRequestHeadersSentParams) -> None:
        self.waiting += 1
        context.trace_request_ctx.append(True)

    async def _in_time(self, exchange: Coroutine[Any, Any, Result]) -> Result:
        """Raises TimeoutError where there is no answer in time."""
        call = asyncio.create_task(exchange)
        try:
            while not (await asyncio.wait([call], timeout=self._timeout))[0]:
                if self._queued is None or not await self._queued():
                    raise TimeoutError
            return call.result()
        finally:
            call.cancel()

    def _new_session(self) -> aiohttp.ClientSession:
        import aiohttp

        unix = self._server.unix_socket
        # The caller bounds what is in flight; a second bound here would only hide a queue from the server.
        connector: aiohttp.BaseConnector = aiohttp.UnixConnector(unix, limit=0) if unix else aiohttp.TCPConnector(limit=0)
        sending = aiohttp.TraceConfig()
        sending.on_request_headers_sent.append(self._note_sent)
        return aiohttp.ClientSession(
            connector=connector,
            trace_configs=[sending],
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
            headers={"Content-Type": "application/json", **dict(self._server.headers)},
            trust_env=not unix and _heeds_environment(self._server.url),
        )


def _heeds_environment(url: str) -> bool:
    """Whether the environment has a proxy for a URL, or a file of passwords: aiohttp looks for both anew, in threads, with every call."""
    parts = urlsplit(url)
    proxied = parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")
    return proxied or os.path.exists(os.environ.get("NETRC") or os.path.expanduser("~/.netrc"))


def _told(error: Exception) -> str:
    """Why a connection failed. aiohttp's words leave out what the system says of a connection that is not made."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        number = error.os_error.errno or 0  # those of name servers are below 0
        if number > 0:
            return f"cannot connect to {error.host}:{error.port}: {os.strerror(number)}"
    return f"{type(error).__name__} {error}"


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body. Raises `CallError` where it breaks off, does not unpack, or has no end."""
    import aiohttp

    data = bytearray()
    try:
        async for piece in response.content.iter_chunked(_PIECE):
            data += piece
            if len(data) > _LARGEST_BODY:
                raise CallError(HTTPStatus.BAD_GATEWAY, f"the answer is larger than {_LARGEST_BODY >> 20} MiB")
    except aiohttp.ClientPayloadError as error:
        raise CallError(HTTPStatus.BAD_GATEWAY, f"the answer breaks off: {error}") from error
    return bytes(data)


def _retry_after(value: str | None) -> float:
    """Seconds of a Retry-After header, which holds seconds or a date: 0 for anything else, and never more than 300."""
    if not value:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time()
        except Exception:  # noqa: BLE001  # whatever the parts of a foreign date bring about
            return 0.0
    return 0.0 if math.isnan(seconds) else min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)
