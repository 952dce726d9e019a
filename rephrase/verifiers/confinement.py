"""How a process gives up its rights: Landlock for files, seccomp for system calls, resource limits for the rest. Standard library only."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Sequence

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_SET_PDEATHSIG = 38, 22, 1
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ = (1 << 2) | (1 << 3)  # read files and folders; every other right that the kernel knows is given up
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights on files each version of Landlock knows
_CLONE_THREAD = 0x00010000
_EPERM, _ENOSYS = 1, 38

# System calls that no computation needs: name, number on x86_64, number on aarch64 ("-" where it has none). Numbers: the kernel's syscall
# tables. Landlock does not know of changes to modes, owners, times and attributes of files, so they stand here.
_DENIED = """
    socket 41 198, connect 42 203, bind 49 200, sendto 44 206,
    fork 57 -, vfork 58 -, execve 59 221, execveat 322 281, unshare 272 97, setns 308 268,
    kill 62 129, tkill 200 130, tgkill 234 131, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240, pidfd_open 434 434,
    pidfd_send_signal 424 424, pidfd_getfd 438 438, ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271,
    setsid 112 157, setpgid 109 154,
    setpriority 141 140, ioprio_set 251 30, sched_setparam 142 118, sched_setscheduler 144 119, sched_setaffinity 203 122,
    sched_setattr 314 274, setrlimit 160 164, prlimit64 302 261,
    chmod 90 -, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452, chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54,
    utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280 88, truncate 76 45, ftruncate 77 46, file_setattr 469 469,
    setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, setxattrat 463 463,
    removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16, removexattrat 466 466,
    shmget 29 194, shmat 30 196, shmctl 31 195, msgget 68 186, semget 64 190, mq_open 240 180, mq_unlink 241 181,
    memfd_create 319 279, memfd_secret 447 447, userfaultfd 323 282, bpf 321 280, perf_event_open 298 241,
    io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427,
    add_key 248 217, request_key 249 218, keyctl 250 219,
    mount 165 40, umount2 166 39, open_tree 428 428, move_mount 429 429, fsopen 430 430, fsmount 432 432, mount_setattr 442 442,
    chroot 161 51, open_by_handle_at 304 265, init_module 175 105, finit_module 313 273, delete_module 176 106,
    reboot 169 142, iopl 172 -, ioperm 173 -,
    swapon 167 224, swapoff 168 225, settimeofday 164 170, clock_settime 227 112, sethostname 170 161, setdomainname 171 162
"""
_MACHINES = {"x86_64": (0xC000003E, 1), "aarch64": (0xC00000B7, 2)}  # what seccomp calls it, and its column in the table
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_FCNTL = {"x86_64": 72, "aarch64": 25}
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15  # have the kernel send a signal to another process when a pipe is ready


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
    if machine not in _MACHINES:
        raise OSError(f"no list of system calls for {machine}")
    architecture, column = _MACHINES[machine]
    denied = [int(call.split()[column]) for call in _DENIED.split(",") if call.split()[column] != "-"]
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    first_argument, second_argument = 16, 24
    allow, refuse, missing, kill = 0x7FFF0000, 0x00050000 | _EPERM, 0x00050000 | _ENOSYS, 0x80000000

    def instruction(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    code = instruction(load, 4) + instruction(equal, architecture, 1, 0) + instruction(give, kill)
    code += instruction(load, 0)
    code += instruction(at_least, 0x40000000, 0, 1) + instruction(give, refuse)  # the x32 variant of every call
    for number in denied:
        code += instruction(equal, number, 0, 1) + instruction(give, refuse)
    # Its flags cannot be seen: the library falls back to clone.
    code += instruction(equal, _CLONE3, 0, 1) + instruction(give, missing)
    code += instruction(equal, _FCNTL[machine], 0, 6) + instruction(load, second_argument) + instruction(equal, _F_SETOWN, 2, 0)
    code += (
        instruction(equal, _F_SETSIG, 1, 0) + instruction(equal, _F_SETOWN_EX, 0, 1) + instruction(give, refuse) + instruction(give, allow)
    )
    code += instruction(equal, _CLONE[machine], 0, 3) + instruction(load, first_argument) + instruction(any_bit, _CLONE_THREAD, 1, 0)
    code += instruction(give, refuse) + instruction(give, allow)
    program = _Program(len(code) // 8, code)
    if _LIBC.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def die_with_parent(parent: int) -> bool:
    """Have the kernel kill this process when its parent ends. False where that parent is gone already."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    return os.getppid() == parent


def shut_in(cpu_seconds: int, memory_mib: int, folders: Sequence[str] = ()) -> None:
    """Give up all rights but to compute, to read Python's own files and those of more folders, and to use the pipes that are open.

    Raises `OSError` where this machine has no such sandbox.
    """
    _limit(cpu_seconds, memory_mib)
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    _see_only([sys.base_prefix, sys.prefix, "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo", *folders])
    _deny_calls()
