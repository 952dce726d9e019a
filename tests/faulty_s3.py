"""A proxy before an S3 server that makes calls fail in the ways of real ones."""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

KINDS = ("slow_down", "reset", "stall", "lost_response", "cut_body")
_STALL = 3.0  # seconds; clients must give up before
_SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class FaultyS3:
    """Listens on a port of its own. `share` of all calls fail, in the ways of KINDS by turns; `faults` counts them."""

    def __init__(self, upstream: str, share: float = 0.2, seed: int = 0) -> None:
        self.upstream = urlsplit(upstream)
        self.share, self.random = share, random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.calls = 0
        self.put_keys: list[str] = []  # keys, in the order of their PUTs
        self.lock = threading.Lock()
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def draw(self, method: str, path: str) -> str | None:  # noqa: ARG002  # the path is for other proxies
        """How the next call fails, or None."""
        with self.lock:
            self.calls += 1
            if self.random.random() >= self.share:
                return None
            possible = [kind for kind in KINDS if kind != "cut_body" or method == "GET"]
            kind = min(possible, key=lambda kind: self.faults[kind])  # in turn, so that a few calls see every kind
            self.faults[kind] += 1
            return kind

    def passed(self, headers: dict[str, str]) -> dict[str, str]:
        """The headers of a request as the store gets them."""
        return headers

    def answered(self, data: bytes) -> bytes:
        """The body of the store's answer as the client gets it."""
        return data

    def stop(self) -> None:
        """Close the port."""
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # of the 5 by default, a connection too many is dropped, and asked for again a second later


class HoldingS3(FaultyS3):
    """Lets `number` PUTs through whose keys end with `end`. At the next of them it sets `full`, and stores nothing from then on."""

    def __init__(self, upstream: str, end: str, number: int) -> None:
        super().__init__(upstream)
        self.end, self.puts_left = end, number
        self.full, self.stopped = threading.Event(), threading.Event()

    def draw(self, method: str, path: str) -> str | None:
        """Holds the call until `stop` where it may not store; it then fails."""
        if method not in ("PUT", "POST", "DELETE"):
            return None
        with self.lock:
            if urlsplit(path).path.endswith(self.end):
                self.puts_left -= 1
            if self.puts_left < 0:
                self.full.set()
        if not self.full.is_set():
            return None
        self.stopped.wait()
        return "reset"

    def stop(self) -> None:
        """Let go of the held calls and close the port."""
        self.stopped.set()
        super().stop()


def _handler(proxy: FaultyS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.draw(self.command, self.path)
            if fault == "reset":
                return self.reset()
            if fault == "stall":
                time.sleep(_STALL)
                return self.reset()
            if fault == "slow_down":
                return self.answer(503, [("Content-Type", "application/xml")], _SLOW_DOWN)
            if self.command == "PUT":
                proxy.put_keys.append(urlsplit(self.path).path.partition("/")[2].partition("/")[2])
            upstream = http.client.HTTPConnection(str(proxy.upstream.hostname), proxy.upstream.port, timeout=30)
            upstream.request(self.command, self.path, body, proxy.passed(dict(self.headers)))
            response = upstream.getresponse()
            data = proxy.answered(response.read())
            upstream.close()
            if fault == "lost_response":
                return self.reset()
            headers = [(k, v) for k, v in response.getheaders() if k.lower() not in ("connection", "transfer-encoding", "content-length")]
            length = response.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            if fault == "cut_body" and len(data) > 1:
                self.answer(response.status, headers, data[: len(data) // 2], length)
                return self.reset()
            return self.answer(response.status, headers, data, length)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on  # noqa: N815  # names that the server looks for

        def answer(self, status: int, headers: list[tuple[str, str]], data: bytes, length: str | None = None) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
                self.wfile.flush()

        def reset(self) -> None:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def finish(self) -> None:
            with contextlib.suppress(OSError):  # its own connection may be reset already
                super().finish()

    return Handler
