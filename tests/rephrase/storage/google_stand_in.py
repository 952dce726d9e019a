"""Google's XML protocol by moto's S3, which is the same but for the names of headers; `generation 0` is `If-None-Match: *`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import make_server

_SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
"""Who calls, as moto wants to know it. It checks no signature."""


class Translator:
    """A WSGI application around moto's. `conditions` counts the requests that came with the condition."""

    def __init__(self, inner: Callable[..., Iterable[bytes]], *, honours: bool) -> None:
        self._inner, self._honours, self.conditions = inner, honours, 0
        self._turn = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["HTTP_AUTHORIZATION"] = _SIGNED
        if environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None) == "0":
            self.conditions += 1
            if self._honours:
                environ["HTTP_IF_NONE_MATCH"] = "*"
        for name in [name for name in environ if name.startswith("HTTP_X_GOOG_META_")]:
            environ[name.replace("X_GOOG", "X_AMZ")] = environ.pop(name)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [(name.lower().replace("x-amz-meta", "x-goog-meta"), value) for name, value in headers], *rest)

        if environ["REQUEST_METHOD"] != "PUT":
            return self._inner(environ, start)
        with self._turn:  # moto looks whether an object is there and stores it as two steps
            return list(self._inner(environ, start))


@contextmanager
def google(*, honours: bool = True) -> Iterator[tuple[str, Translator]]:
    """The address of such a server, and its translator. A store that does not honour the condition takes every object."""
    from moto.server import DomainDispatcherApplication, create_backend_app

    app = Translator(DomainDispatcherApplication(create_backend_app), honours=honours)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", app
    server.shutdown()
    thread.join()
