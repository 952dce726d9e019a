"""Runs untrusted Python in a process of its own, which can compute and print and nothing else.

The process has an empty folder that it cannot write to, no network, no children, no signals, none of our environment, and limits on
processor time, memory, output and time. The kernel enforces it: Landlock for files, seccomp for system calls, resource limits for the rest.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rephrase.errors import UserError

_ROOT = str(Path(__file__).parents[2])
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); from rephrase.verifiers.sandbox_child import main; del sys.path[0]; main(sys.argv[2:])"
)
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
    """How a program ended. `passed`: its tests passed; without tests, it ran to its last line. `reason` says what stopped it if not."""

    passed: bool
    output: str
    reason: str = ""


def run_python(program: str, limits: Limits | None = None, tests: str = "") -> Outcome:
    """Run a program in the sandbox, and its tests in another process there. Never raises for what they do.

    Without tests, a program passes that runs to its last line. Raises `UserError` where this machine has no such sandbox: nothing is ever
    run outside one.
    """
    limits = limits or Limits()
    check_machine()
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder, contextlib.ExitStack() as pipes:
        for_tests, to_tests = _pipe(pipes)
        verdict, for_verdict = _pipe(pipes)
        bounds = [limits.cpu_seconds, limits.memory_mib, limits.output_bytes, os.getpid(), for_tests.fileno(), for_verdict.fileno()]
        process = subprocess.Popen(  # noqa: S603  # our own code
            [*_python(), *map(str, bounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(for_tests.fileno(), for_verdict.fileno()),
            env={"PATH": "/nonexistent", "PYTHONHASHSEED": "0"},
            cwd=folder,
            start_new_session=True,
        )
        try:
            for_tests.close()
            for_verdict.close()
            _hand_over(process.stdin, program)
            _hand_over(to_tests, tests)
            told, output, reason = _listen(process, verdict, limits)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
    text = output.decode(errors="replace")
    return _outcome(told, text, reason, code)


def _pipe(pipes: contextlib.ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    reading, writing = os.pipe()
    return pipes.enter_context(os.fdopen(reading, "rb", 0)), pipes.enter_context(os.fdopen(writing, "wb", 0))


def _python() -> list[str]:
    return [sys.executable, "-I", "-c", _CHILD, _ROOT]


def _hand_over(pipe: IO[bytes] | None, text: str) -> None:
    assert pipe is not None
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(text.encode(errors="surrogatepass"))


def _listen(process: subprocess.Popen[bytes], verdict: IO[bytes], limits: Limits) -> tuple[bytes, bytes, str]:
    """Read until the verdict. Returns it, what was printed, and why the program was stopped before."""
    assert process.stdout is not None
    deadline = time.monotonic() + limits.seconds
    parts = {verdict.fileno(): bytearray(), (printed := process.stdout.fileno()): bytearray()}
    waiting = set(parts)
    reason = ""
    while waiting:
        left = deadline - time.monotonic()
        ready, _, _ = select.select(list(waiting), [], [], max(left, 0))
        if not ready:
            reason = f"timeout: not done after {limits.seconds:g} s" if verdict.fileno() in waiting else ""
            break
        for descriptor in ready:
            chunk = os.read(descriptor, _CHUNK)
            parts[descriptor] += chunk
            if not chunk:
                waiting.discard(descriptor)
        if verdict.fileno() not in waiting:
            deadline = min(deadline, time.monotonic())  # takes what is in the pipe, and waits for no more
        if len(parts[printed]) > limits.output_bytes:
            reason = f"output: more than {limits.output_bytes} bytes"
            break
    return bytes(parts[verdict.fileno()]), bytes(parts[printed][: limits.output_bytes]), reason


def _outcome(told: bytes, text: str, reason: str, code: int) -> Outcome:
    if not reason and told:
        verdict = json.loads(told)
        return Outcome(verdict["passed"], text, verdict["reason"])
    lines = [line for line in text.strip().splitlines() if line.strip()]
    killed = f"killed by {signal.Signals(-code).name}" if code < 0 else ""
    return Outcome(False, text, reason or killed or (lines[-1][:300] if lines else f"ended with code {code} before a verdict"))


@functools.cache
def check_machine() -> None:
    """Raise a `UserError` where the kernel cannot hold a program in."""
    check = subprocess.run(  # noqa: S603  # our own script, by its path
        [*_python(), "--check"], capture_output=True, text=True, check=False, timeout=60
    )
    if check.returncode:
        reason = check.stderr.strip().splitlines()[-1] if check.stderr.strip() else "unknown"
        raise UserError(
            f"this machine cannot run untrusted code safely: {reason}",
            where="sandbox",
            cure="code is verified on Linux 5.13 or newer with Landlock and seccomp (Docker's default profile allows both)",
        )
