"""A small OpenAI-compatible server, as far as doctor asks: it lists one model, to those with its key."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "right-key"
MODEL = "served-model"


class Endpoint:
    """Listens on a port of its own. `hanging`: takes requests, and answers none."""

    def __init__(self, *, hanging: bool = False) -> None:
        self._end = threading.Event()
        end = self._end

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:  # the server looks for this name
                if hanging:
                    end.wait(60)
                    return
                allowed = self.headers.get("Authorization") == f"Bearer {KEY}"
                body = json.dumps({"data": [{"id": MODEL}]} if allowed else {"error": "who are you?"}).encode()
                self.send_response(200 if allowed else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Close the port."""
        self._end.set()
        self._server.shutdown()
        self._server.server_close()
