"""Verifiers that are commands of the user: a prover, a compiler. Exit code 0 says yes, the last line printed says why not."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import tempfile
import time

_MOST_OUTPUT = 64 << 20  # bytes
_CHUNK = 1 << 16
_REASON = 300  # bytes at the end of the output, in which the last line is looked for


def split_command(command: str) -> list[str]:
    """The words of a command. Raises `ValueError` for one without words or with a quotation that is not closed."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"{error}: {command}") from error
    if not words:
        raise ValueError("a command without words")
    return words


def ask_command(command: str, candidate: str, expected: str, seconds: float) -> tuple[bool, str]:
    """Run a command with the candidate on stdin and what is expected in $EXPECTED. Returns whether it says yes, and the reason if not.

    It is killed, with all that it started, when its time or the bound of its output is reached. What cannot be written as UTF-8 is not
    asked about: the command would judge another text.
    """
    try:
        text = candidate.encode()
    except UnicodeEncodeError as error:
        return False, f"the candidate is no text: {error}"
    with tempfile.TemporaryDirectory(prefix="verifier-") as folder, tempfile.TemporaryFile() as stdin:
        stdin.write(text)
        stdin.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603  # the user's own command
                split_command(command),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "EXPECTED": expected},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # a NUL cannot stand in the environment
            return False, f"the verifier does not start: {error}"
        try:
            end, reason = _read(process, time.monotonic() + seconds)
            if reason == "timeout":
                reason = f"timeout: not done after {seconds:g} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # provers start others, which would go on
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    lines = end.decode(errors="replace").strip().splitlines()
    if reason or process.returncode:
        return False, reason or (lines[-1] if lines else f"exit code {process.returncode}")
    return True, ""


def _read(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, str]:
    """Wait until the command ends, not what it leaves behind. Returns the end of the output, and why it was stopped."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    end, size = b"", 0
    pause = 0.001
    while True:
        over = process.poll() is not None
        ready, _, _ = select.select([descriptor], [], [], 0 if over else min(pause, max(deadline - time.monotonic(), 0)))
        chunk = os.read(descriptor, _CHUNK) if ready else b""
        if chunk:
            end, size, pause = (end + chunk)[-_REASON:], size + len(chunk), 0.001
        elif over:
            return end, ""
        elif ready:  # it closed its output and goes on
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0))
        else:
            pause = min(2 * pause, 0.05)
        if size > _MOST_OUTPUT:
            return end, f"output: more than {_MOST_OUTPUT} bytes"
        if time.monotonic() > deadline and process.poll() is None:
            return end, "timeout"
