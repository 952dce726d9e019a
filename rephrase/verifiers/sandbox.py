"""Runs untrusted Python in a process of its own, which can compute and print and nothing else.

The process has an empty folder that it cannot write to, no network, no children, no signals, none of our environment, and limits on
processor time, memory, output and time. The kernel enforces it: Landlock for files, seccomp for system calls, resource limits for the rest.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rephrase.errors import UserError

_CHILD = Path(__file__).with_name("sandbox_child.py")
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use."""

    seconds: float = 10.0
    cpu_seconds: int = 5
    memory_mib: int = 512
    output_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended. `passed`: it ran to its last line. `reason` says what stopped it if not."""

    passed: bool
    output: str
    reason: str = ""


def run_python(program: str, limits: Limits | None = None) -> Outcome:
    """Run a program in the sandbox. Never raises for what the program does.

    Raises `UserError` where this machine has no such sandbox: nothing is ever run outside one.
    """
    limits = limits or Limits()
    _check_machine()
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        process = subprocess.Popen(  # noqa: S603  # our own script, by its path
            [sys.executable, "-I", "-B", str(_CHILD), str(limits.cpu_seconds), str(limits.memory_mib), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": "/nonexistent", "PYTHONHASHSEED": "0"},
            cwd=folder,
            start_new_session=True,
        )
        try:
            output, reason = _talk(process, token, program, limits)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
    text = output.decode(errors="replace")
    printed, finished, _ = text.rpartition(token)
    if not reason and not finished:
        reason = _reason(text, code)
    return Outcome(not reason, printed if finished else text, reason)


def _talk(process: subprocess.Popen[bytes], token: str, program: str, limits: Limits) -> tuple[bytes, str]:
    """Hand the program over and read what it prints. Returns the output, and why the program was stopped."""
    assert process.stdin is not None
    assert process.stdout is not None
    deadline = time.monotonic() + limits.seconds
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(token.encode() + b"\n" + program.encode(errors="surrogatepass"))
        process.stdin.close()
    output = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return bytes(output), f"timeout: not done after {limits.seconds:g} s"
        ready, _, _ = select.select([process.stdout], [], [], left)
        if ready:
            chunk = os.read(process.stdout.fileno(), _CHUNK)
            if not chunk:
                return bytes(output), ""
            output += chunk
            if len(output) > limits.output_bytes:
                return bytes(output[: limits.output_bytes]), f"output: more than {limits.output_bytes} bytes"


def _reason(text: str, code: int) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return lines[-1][:300] if lines else f"ended with code {code} before its last line"


@functools.cache
def _check_machine() -> None:
    """Raise a `UserError` where the kernel cannot hold a program in."""
    check = subprocess.run(  # noqa: S603  # our own script, by its path
        [sys.executable, "-I", "-B", str(_CHILD), "--check"], capture_output=True, text=True, check=False, timeout=60
    )
    if check.returncode:
        reason = check.stderr.strip().splitlines()[-1] if check.stderr.strip() else "unknown"
        raise UserError(
            f"this machine cannot run untrusted code safely: {reason}",
            where="sandbox",
            cure="code is verified on Linux 5.13 or newer with Landlock and seccomp (Docker's default profile allows both)",
        )
