"""Untrusted code: what it may not do ends as a failed verification, within the limits."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from rephrase.verifiers.kinds import Verifier
from rephrase.verifiers.sandbox import Limits, run_python

LIMITS = Limits(seconds=4, cpu_seconds=2, memory_mib=256, output_bytes=1 << 20)


@pytest.mark.parametrize("program", ["print(sum(range(10)))", "import json, math, re, random, datetime\nprint(math.pi)", "x = '\\x00'"])
def test_programs_that_compute_pass(program):
    outcome = run_python(program, LIMITS)
    assert outcome.passed, outcome.reason


ESCAPES = {
    "fork bomb": ("import os\nwhile True: os.fork()", "PermissionError"),
    "processes": ("import subprocess; subprocess.run(['ls'])", "PermissionError"),
    "memory bomb": ("x = []\nwhile True: x.append(bytearray(10**6))", "MemoryError"),
    "infinite loop": ("while True: pass", "SIGXCPU"),
    "sleep": ("import time; time.sleep(100)", "timeout"),
    "write outside": ("open('/tmp/rephrase-escape', 'w').write('x')", "PermissionError"),
    "write in its folder": ("open('file', 'w').write('x')", "PermissionError"),
    "change a mode": ("import os; os.chmod(FILE, 0o777)", "PermissionError"),
    "change an owner": ("import os; os.chown(FILE, os.getuid(), os.getgid())", "PermissionError"),
    "change times": ("import os; os.utime(FILE, (0, 0))", "PermissionError"),
    "change attributes": ("import os; os.setxattr(FILE, 'user.x', b'1')", "PermissionError"),
    "cut off": ("import os; os.truncate(FILE, 0)", "PermissionError"),
    "remove": ("import os; os.remove(FILE)", "PermissionError"),
    "read our files": ("print(open(FILE).read())", "PermissionError"),
    "connect": ("import socket; socket.create_connection(('127.0.0.1', 22), 1)", "PermissionError"),
    "datagram": ("import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))", "PermissionError"),
    "unix socket": ("import socket; socket.socket(socket.AF_UNIX).connect('/run/x')", "PermissionError"),
    "environment of the parent": ("import os; print(open(f'/proc/{os.getppid()}/environ').read())", "PermissionError"),
    "signal": ("import os; os.kill(os.getppid(), 9)", "PermissionError"),
    "signal by a pipe": ("import fcntl, os; fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, os.getppid())", "PermissionError"),
    "queued signal": ("import ctypes\nassert ctypes.CDLL(None).sigqueue(__import__('os').getppid(), 10, 0) == 0", "AssertionError"),
    "slow its parent down": ("import os; os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)", "PermissionError"),
    "a program that is dear to compile": ("x = [" + "0," * 4_000_000 + "]", ""),
    "more rights": ("import resource; resource.setrlimit(resource.RLIMIT_CPU, (100, 100))", "not allowed"),
    "system by C": ("import ctypes\nassert ctypes.CDLL(None).system(b'true') == 0", "AssertionError"),
    "a gigabyte of output": ("while True: print('x' * 10**6)", "output: more than"),
    "an early exit": ("import sys; sys.exit(0)", "before its last line"),
    "a hard exit": ("import os; os._exit(0)", "before its last line"),
    "an exception": ("assert 1 == 2", "AssertionError"),
    "no Python": ("I cannot help with that.", "SyntaxError"),
    "endless recursion": ("def f(): f()\nf()", "RecursionError"),
}


@pytest.mark.parametrize("name", ESCAPES)
def test_what_breaks_out_fails(name, tmp_path):
    program, reason = ESCAPES[name]
    secret = tmp_path / "secret"
    secret.write_text("mine")
    before, started = secret.stat(), time.monotonic()
    limits = replace(LIMITS, seconds=30) if name == "infinite loop" else LIMITS  # on a busy machine processor time is slow to come
    outcome = run_python(program.replace("FILE", repr(str(secret))), limits)
    assert not outcome.passed
    assert reason in outcome.reason, outcome
    assert "mine" not in outcome.output
    assert len(outcome.output) <= LIMITS.output_bytes
    assert time.monotonic() - started < limits.seconds + 3
    assert secret.read_text() == "mine"
    after = secret.stat()
    assert (after.st_mode, after.st_mtime_ns, os.listxattr(secret)) == (before.st_mode, before.st_mtime_ns, [])
    assert not os.path.exists("/tmp/rephrase-escape")


@pytest.mark.parametrize("name", ["fork bomb", "memory bomb", "read our files", "signal", "a gigabyte of output", "system by C"])
def test_what_breaks_out_when_the_tests_call_it_fails(name):
    program, reason = ESCAPES[name]
    body = "".join(f"    {line}\n" for line in program.replace("FILE", repr(__file__)).splitlines())
    outcome = run_python(f"def f():\n{body}", LIMITS, "f()")
    assert not outcome.passed
    assert reason in outcome.reason, outcome


def test_tests_are_shut_in_as_well():
    assert "PermissionError" in run_python("x = 1", LIMITS, f"open({__file__!r})").reason
    assert "more than" in run_python("x = 1", LIMITS, "while True: print('x' * 10**6)").reason
    assert run_python("x = 1", replace(LIMITS, seconds=1), "import time; time.sleep(100)").reason.startswith("timeout")


def test_a_program_that_leaves_its_group_ends_with_its_verdict():
    outcome = run_python("import os\ndef f(): os.setsid()", LIMITS, "f()")
    assert "PermissionError" in outcome.reason


def test_nothing_of_our_environment_is_seen(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    outcome = run_python("import os; print(dict(os.environ))", LIMITS)
    assert outcome.passed
    assert "hidden" not in outcome.output


def test_unit_tests_decide():
    verifier = Verifier("python", seconds=5)
    assert verifier.verify("```python\ndef f(x):\n    return x + 1\n```", "assert f(1) == 2").right
    wrong = verifier.verify("def f(x): return x", "assert f(1) == 2, 'one more'")
    assert not wrong.right
    assert wrong.reason == "AssertionError: one more"
