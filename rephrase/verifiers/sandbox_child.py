"""The inside of the sandbox: two processes, of which one runs the program and the other its tests.

Run by `sandbox.py` with CPU_SECONDS, MEMORY_MIB, MOST_OUTPUT, PARENT and the descriptors of two pipes, or with `--check` to see whether
this machine can do it. The program comes by stdin and goes to a fork, which has nothing else. The tests come by the first pipe, after the
fork; the verdict goes to the second one, from the process of the tests, which the program cannot reach but by answering its questions.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from typing import NoReturn

from rephrase.verifiers.candidate import Candidate
from rephrase.verifiers.confinement import die_with_parent, shut_in
from rephrase.verifiers.unit_tests import run_tests

_REASON = 300


def main(arguments: list[str]) -> None:
    """Fork, shut both processes in, and do the work of each."""
    if arguments == ["--check"]:
        shut_in(5, 512)
        return
    cpu_seconds, memory_mib, most_output, parent, tests, verdict = map(int, arguments)
    if not die_with_parent(parent):
        return
    questions, to_candidate = os.pipe()
    from_candidate, answers = os.pipe()
    ours = os.getpid()
    candidate = os.fork()
    if candidate == 0:
        for descriptor in (tests, verdict, to_candidate, from_candidate):
            os.close(descriptor)
        if not die_with_parent(ours):
            return
        source = sys.stdin.buffer.read().decode(errors="replace")
        _read_nothing()
        shut_in(cpu_seconds, memory_mib)  # before compiling, which a program can make as dear as it likes
        Candidate(source, questions, answers).peer.serve()
    os.close(questions)
    os.close(answers)
    _read_nothing()
    with os.fdopen(tests, "rb") as pipe:
        text = pipe.read().decode(errors="replace")
    shut_in(cpu_seconds, memory_mib)

    def give(reason: str) -> NoReturn:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os.write(verdict, json.dumps({"passed": not reason, "reason": reason}).encode())
        os._exit(0)

    def lost(reason: str) -> NoReturn:
        give(reason or _end(candidate))

    try:
        run_tests(text, from_candidate, to_candidate, lost, most_output)
    except BaseException as error:  # noqa: BLE001  # whatever the tests raise
        give(_reason(error))
    give("")


def _read_nothing() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _reason(error: BaseException) -> str:
    if type(error).__name__ == "TestsFailed":
        return str(error)[:_REASON] or "the tests failed"
    return traceback.format_exception_only(error)[-1].strip()[:_REASON]


def _end(candidate: int) -> str:
    """How the program's process ended."""
    _, status = os.waitpid(candidate, 0)
    code = os.waitstatus_to_exitcode(status)
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code} before its last line"
