"""A server that plays the part of the Hugging Face hub's API that reading a dataset and committing to it takes: on 127.0.0.1, in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_REVISION = "0" * 39 + "1"
_API = re.compile(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info|preupload|commit)/([^/]+)(?:/(.*))?)?")


class HubStandIn:
    """Datasets by name, each with its files; `requests` are method and path of all that was asked, `private` the new datasets."""

    def __init__(self) -> None:
        self.datasets: dict[str, dict[str, bytes]] = {}
        self.large: set[str] = set()
        """Checksums of what came as large files."""
        self.blobs: dict[str, bytes] = {}
        self.commits: list[list[str]] = []
        self.requests: list[tuple[str, str]] = []
        self.private: set[str] = set()
        self.busy = 0
        """How many of the next requests for content are refused."""
        self.url = ""


def _entry(hub: HubStandIn, path: str, data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
    return entry | ({"lfs": {"oid": digest, "size": len(data), "pointerSize": 130}} if digest in hub.large else {})


def _handler(hub: HubStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, status: int, body: Any = b"", **headers: str) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path))
            if match := _API.fullmatch(path):
                self._api(match[1], match[2] or "", match[4] or "", body)
            elif "/resolve/" in path:
                self._content(path)
            elif path == "/api/repos/create":
                wanted = json.loads(body)
                name = f"{wanted['organization']}/{wanted['name']}"
                if name in hub.datasets:
                    self._answer(409, {"error": "You already created this dataset repo", "url": f"{hub.url}/datasets/{name}"})
                    return
                hub.datasets[name] = {}
                if wanted.get("private") or wanted.get("visibility") == "private":
                    hub.private.add(name)
                self._answer(200, {"url": f"{hub.url}/datasets/{name}", "name": name, "id": "1"})
            elif path == "/api/validate-yaml":
                self._answer(200, {"errors": [], "warnings": []})
            elif path.endswith("/info/lfs/objects/batch"):
                objects = [
                    {"oid": item["oid"], "size": item["size"], "actions": {"upload": {"href": f"{hub.url}/blob/{item['oid']}"}}}
                    for item in json.loads(body)["objects"]
                ]
                self._answer(200, {"transfer": "basic", "objects": objects})
            elif path.startswith("/blob/"):
                hub.blobs[path.rpartition("/")[2]] = body
                self._answer(200)
            else:
                self._answer(404, {"error": "no such page"})

        do_GET = do_HEAD = do_POST = do_PUT = _any  # noqa: N815  # names that the server looks for

        def _api(self, name: str, action: str, path: str, body: bytes) -> None:
            if name not in hub.datasets:
                self._answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
                return
            files = hub.datasets[name]
            if action in ("", "revision"):
                self._answer(200, {"id": name, "sha": _REVISION, "private": False, "tags": [], "downloads": 0, "likes": 0})
            elif action == "tree":
                recursive = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])[0].lower() in ("true", "1")
                self._answer(200, self._tree(files, path.strip("/"), recursive=recursive))
            elif action == "paths-info":
                text = body.decode()
                wanted = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text)["paths"]
                folders = {"/".join(file.split("/")[:depth]) for file in files for depth in range(1, file.count("/") + 1)}
                entries = [_entry(hub, path, files[path]) for path in wanted if path in files]
                folder_entries = [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in wanted if path in folders]
                self._answer(200, entries + folder_entries)
            elif action == "preupload":
                modes = [
                    {"path": file["path"], "uploadMode": "lfs" if file["path"].endswith(".parquet") else "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
                self._answer(200, {"files": modes})
            else:
                self._commit(name, body)

        def _tree(self, files: dict[str, bytes], folder: str, *, recursive: bool) -> list[dict[str, Any]]:
            below = f"{folder}/" if folder else ""
            entries: dict[str, dict[str, Any]] = {}
            for path, data in files.items():
                if path.startswith(below):
                    parts = path[len(below) :].split("/")
                    for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
                        name = below + "/".join(parts[:depth])
                        entries[name] = {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
                    if recursive or len(parts) == 1:
                        entries[path] = _entry(hub, path, data)
            return list(entries.values())

        def _commit(self, name: str, body: bytes) -> None:
            paths = []
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    hub.datasets[name][value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    hub.datasets[name][value["path"]] = hub.blobs[value["oid"]]
                    hub.large.add(value["oid"])
                if line["key"] != "header":
                    paths.append(value["path"])
            hub.commits.append(paths)
            self._answer(200, {"commitUrl": f"{hub.url}/datasets/{name}/commit/{_REVISION}", "commitOid": _REVISION})

        def _content(self, path: str) -> None:
            match = re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/[^/]+/(.*)", path)
            data = hub.datasets.get(match[1], {}).get(match[2]) if match else None
            if data is None:
                self._answer(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")
                return
            if hub.busy:
                hub.busy -= 1
                self._answer(503, {"error": "busy"})
                return
            start, end = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups()  # type: ignore[union-attr]
            self._answer(206, data[int(start) : int(end) + 1])

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def hub_stand_in() -> Iterator[HubStandIn]:
    """A running stand-in, whose address is its `url`."""
    hub = HubStandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()
