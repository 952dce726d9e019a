"""The inside of the sandbox: gives up all rights, then runs the program that stands on stdin. Standard library only.

Run as `python -I -B sandbox_child.py CPU_SECONDS MEMORY_MIB PARENT`, or with `--check` to see whether this machine can do it. The
first line of stdin is a token, which is printed after the program's last line: a program that leaves early does not print it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_SET_PDEATHSIG = 38, 22, 1
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ = (1 << 2) | (1 << 3)  # read files and folders; every other right that the kernel knows is given up
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights on files each version of Landlock knows
_CLONE_THREAD = 0x00010000
_EPERM, _ENOSYS = 1, 38

# System calls that no computation needs, by machine. Numbers: the kernel's syscall tables.
_DENIED = {
    "x86_64": (
        0xC000003E,
        {"clone": 56, "clone3": 435},
        # sockets, new processes, signals, ptrace, keys, namespaces, perf, other processes' memory, memfd, bpf, userfaultfd, io_uring,
        # pidfd, mounts, limits, System V memory, chroot, file handles, kernel modules, reboot, ports, swap, clocks, host name
        (
            41,
            42,
            44,
            49,
            57,
            58,
            59,
            62,
            101,
            200,
            234,
            248,
            249,
            250,
            272,
            308,
            298,
            310,
            311,
            319,
            321,
            322,
            323,
            425,
            426,
            427,
            434,
            424,
            438,
            165,
            166,
            160,
            302,
            29,
            30,
            31,
            68,
            64,
            161,
            304,
            175,
            313,
            176,
            169,
            172,
            173,
            167,
            168,
            164,
            227,
            170,
            171,
        ),
    ),
    "aarch64": (
        0xC00000B7,
        {"clone": 220, "clone3": 435},
        (
            198,
            203,
            206,
            200,
            221,
            129,
            117,
            130,
            131,
            217,
            218,
            219,
            97,
            268,
            241,
            270,
            271,
            279,
            280,
            281,
            282,
            425,
            426,
            427,
            434,
            424,
            438,
            40,
            39,
            164,
            261,
            194,
            195,
            196,
            186,
            190,
            51,
            265,
            105,
            273,
            106,
            142,
            224,
            225,
            170,
            112,
            161,
            162,
        ),
    ),
}


def _call(number: int, *arguments: object) -> int:
    result = int(_LIBC.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), f"system call {number}")
    return result


def _limit(cpu_seconds: int, memory_mib: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))  # the first bound has a signal of its own
    for kind, most in (
        (resource.RLIMIT_AS, memory_mib << 20),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_STACK, 64 << 20),
    ):
        resource.setrlimit(kind, (most, most))


def _see_only(folders: list[str]) -> None:
    """Landlock: these folders can be read, everything else is not there, and nothing can be written."""
    version = _call(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    network = 3 if version >= 4 else 0
    scoped = 3 if version >= 6 else 0
    attributes = struct.pack("=QQQ", rights, network, scoped)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = _call(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    for folder in folders:
        if not os.path.isdir(folder):
            continue
        handle = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        _call(_LANDLOCK_ADD, ctypes.c_int(rules), ctypes.c_int(1), struct.pack("=Qi", _READ, handle), ctypes.c_uint32(0))
        os.close(handle)
    _call(_LANDLOCK_RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0))
    os.close(rules)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _deny_calls() -> None:
    """Seccomp: the calls above fail with EPERM, and new processes too; threads may be started."""
    machine = platform.machine()
    if machine not in _DENIED:
        raise OSError(f"no list of system calls for {machine}")
    architecture, clones, denied = _DENIED[machine]
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse, missing, kill = 0x7FFF0000, 0x00050000 | _EPERM, 0x00050000 | _ENOSYS, 0x80000000

    def instruction(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    code = instruction(load, 4) + instruction(equal, architecture, 1, 0) + instruction(give, kill)
    code += instruction(load, 0)
    code += instruction(at_least, 0x40000000, 0, 1) + instruction(give, refuse)  # the x32 variant of every call
    for number in denied:
        code += instruction(equal, number, 0, 1) + instruction(give, refuse)
    code += instruction(equal, clones["clone3"], 0, 1) + instruction(
        give, missing
    )  # its flags cannot be seen: the library falls back to clone
    code += instruction(equal, clones["clone"], 0, 3) + instruction(load, 16) + instruction(any_bit, _CLONE_THREAD, 1, 0)
    code += instruction(give, refuse) + instruction(give, allow)
    program = _Program(len(code) // 8, code)
    if _LIBC.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def _shut_in(cpu_seconds: int, memory_mib: int) -> None:
    _limit(cpu_seconds, memory_mib)
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    _see_only([sys.base_prefix, sys.prefix, "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo"])
    _deny_calls()


def main() -> None:
    """Shut ourselves in and run the program."""
    if sys.argv[1] == "--check":
        _shut_in(5, 512)
        return
    cpu_seconds, memory_mib, parent = (int(word) for word in sys.argv[1:4])
    _LIBC.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    if os.getppid() != parent:
        return
    token, _, source = sys.stdin.buffer.read().partition(b"\n")
    program = compile(source.decode(errors="replace"), "program", "exec")
    _shut_in(cpu_seconds, memory_mib)
    exec(program, {"__name__": "__main__"})  # noqa: S102  # what this process is for
    sys.stdout.flush()
    os.write(1, token)


if __name__ == "__main__":
    main()
