"""What the processes of `children.py` do: answer lines of JSON until the input ends, each within a limit of processor time.

A fork of the process answers. Where it does not survive a question, the next fork goes on at once, and nothing has to be imported again.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
from collections.abc import Callable, Sequence
from typing import IO, Any

from rephrase.verifiers.confinement import die_with_parent, shut_in

_MEMORY_MIB = 2048
_PROCESSOR_SECONDS = 1 << 30  # of a fork in all; each question has a limit of its own


def serve(begin: Callable[[], Callable[[Any], Any]], seconds: float, lost: Any, confined: Sequence[str] | None = None) -> None:
    """Answer the questions that come by stdin, on what was stdout.

    Args:
        begin: Imports all that is needed, and returns what answers a question. Where it raises, that is told, and nothing is answered.
        seconds: Of processor time for a question.
        lost: The answer to a question that the fork did not survive.
        confined: None, or the folders that a fork may read beside Python's own, when it is shut in as untrusted programs are.

    """
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    logging.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = begin()
    except Exception as error:  # noqa: BLE001  # whatever keeps it from starting
        answers.write(f"{error}\n".encode())
        return
    answers.write(b"ready\n")
    ours = os.getpid()
    while (worker := os.fork()) and os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) != 0:
        _write(answers, lost)
    if worker:
        return
    if die_with_parent(ours):
        try:
            if confined is None:
                resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MIB << 20, resource.getrlimit(resource.RLIMIT_AS)[1]))
            else:
                shut_in(_PROCESSOR_SECONDS, _MEMORY_MIB, confined)
        except OSError:
            os._exit(0)  # no other fork would do better
        with os.fdopen(0, "rb") as questions:
            while line := questions.readline():
                signal.setitimer(signal.ITIMER_PROF, seconds)  # its signal ends this process, whatever it is in
                reply = answer(json.loads(line))
                signal.setitimer(signal.ITIMER_PROF, 0)
                _write(answers, reply)
    os._exit(0)


def _write(answers: IO[bytes], reply: Any) -> None:
    line = memoryview(json.dumps(reply).encode() + b"\n")
    while line:
        line = line[answers.write(line) :]
