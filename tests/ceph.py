"""A real S3 server on this machine: Ceph's object gateway over one store in memory, for tests that end the gateway and bring it back."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.rephrase.spark.standalone import wait_for

PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
MISSING = "Ceph is not on this machine: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw ceph-common"
KEY, SECRET = "test", "testtest"
_PATIENCE = 60.0  # seconds for a daemon to answer

_CONF = """[global]
fsid={fsid}
mon host=[v1:127.0.0.1:{mon}]
auth cluster required=none
auth service required=none
auth client required=none
osd pool default size=1
osd pool default min size=1
osd pool default pg num=8
osd pool default pgp num=8
mon allow pool size one=true
osd crush chooseleaf type=0
run dir={folder}
log file={folder}/$name.log
admin socket={folder}/$name.asok
keyring={folder}/keyring
osd objectstore=memstore
memstore device bytes=4294967296
osd data={folder}/osd
mon data={folder}/mon
mon initial members=a
public addr=127.0.0.1
[mon.a]
host=localhost
mon addr=v1:127.0.0.1:{mon}
[client.rgw]
rgw frontends=beast endpoint=127.0.0.1:{gateway}
rgw enable ops log=false
rgw cache enabled=false
rgw data={folder}/rgw
"""


def is_installed() -> bool:
    """Whether all of its programs are on the PATH."""
    return all(shutil.which(name) for name in PROGRAMS)


class Ceph:
    """Its processes: a monitor, a store and the gateway. What is stored outlives the gateway."""

    def __init__(self, folder: Path, secret: str = SECRET) -> None:
        """Start all of them; `folder` is empty, and its path short, as sockets lie in it."""
        self._folder, self._running = folder, contextlib.ExitStack()
        monitor, self._port = _free_ports(2)
        self.url = f"http://127.0.0.1:{self._port}"
        for name in ("mon", "osd", "rgw"):
            (folder / name).mkdir()
        fsid, store = str(uuid.uuid4()), str(uuid.uuid4())
        (folder / "ceph.conf").write_text(_CONF.format(fsid=fsid, mon=monitor, folder=folder, gateway=self._port))
        keyring = folder / "keyring"
        self._call("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self._call("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", "--cap", "mon", "allow *", "--cap", "osd", "allow *")
        self._call("monmaptool", "--create", "--addv", "a", f"[v1:127.0.0.1:{monitor}]", "--fsid", fsid, folder / "monmap")
        try:
            self._call("ceph-mon", *self._conf, "--mkfs", "-i", "a", "--monmap", folder / "monmap", "--keyring", keyring)
            self._start("ceph-mon", "-f", "-i", "a")
            self._call("ceph", *self._conf, "osd", "new", store)  # waits for the monitor
            self._call("ceph-osd", *self._conf, "-i", "0", "--mkfs", "--osd-uuid", store)
            self._start("ceph-osd", "-f", "-i", "0")
            wait_for(lambda: b"1 up" in self._call("ceph", *self._conf, "osd", "stat"), _PATIENCE)
            user = ("--uid=test", "--display-name=test", f"--access-key={KEY}", f"--secret-key={secret}")
            self._call("radosgw-admin", *self._conf, "user", "create", *user)
            self.back()
        except BaseException:
            self.end()
            raise

    @property
    def _conf(self) -> tuple[str, str]:
        return "-c", str(self._folder / "ceph.conf")

    def away(self) -> None:
        """Kill the gateway."""
        self._gateway.kill()
        self._gateway.wait()

    def back(self) -> None:
        """Start the gateway, and wait until it answers."""
        self._gateway = self._start("radosgw", "-f", "-n", "client.rgw")
        wait_for(lambda: _answers(self.url), _PATIENCE)

    def end(self) -> None:
        """Kill all processes: what they hold is in memory."""
        self._running.close()

    def _call(self, *words: object) -> bytes:
        return subprocess.run(list(map(str, words)), check=True, capture_output=True, timeout=_PATIENCE).stdout

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with open(self._folder / "out.log", "ab") as log:
            process = subprocess.Popen([words[0], *self._conf, *words[1:]], stdout=log, stderr=log)
        self._running.callback(process.wait, 60)
        self._running.callback(process.kill)
        return process


@contextlib.contextmanager
def running(folder: Path, secret: str = SECRET) -> Iterator[Ceph]:
    """A server that ends with the block. Skips the test where none starts: it is Ceph's own affair, and a second try is as good as many."""
    for attempt in ("a", "b"):
        place = folder / attempt
        place.mkdir()
        try:
            server = Ceph(place, secret)
            break
        except (AssertionError, subprocess.SubprocessError) as error:
            failure = error
    else:
        log = (place / "out.log").read_text(errors="replace").splitlines()
        pytest.skip(f"Ceph does not start here: {failure}; {' / '.join(log[-3:])}")
    try:
        yield server
    finally:
        server.end()


def _answers(url: str) -> bool:
    try:
        urlopen(url, timeout=2).close()
    except HTTPError:
        return True
    except OSError:
        time.sleep(0.2)
        return False
    return True


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
