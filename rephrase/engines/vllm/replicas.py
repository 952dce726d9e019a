"""Several servers on the GPUs of one executor: each of its tasks asks the one that fewest others ask."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from rephrase.engines.processes import Process
from rephrase.engines.vllm.server_folder import base_folder, make_private

_NAME = "0" * 16  # of the folder among those of the owner's servers, with which it is swept away


@contextlib.contextmanager
def taken(owner: Process, gpus: Sequence[str], each: int | None) -> Iterator[tuple[str, ...]]:
    """The GPUs of the server to ask, where an executor's make one for `each` so many; all of them where `each` is None.

    While this is held, it counts as asked by one more. The kernel lets go of it when the process dies. Spark itself gives the first GPU
    to as many tasks as may share it before another one gets any.
    """
    replicas = [tuple(gpus[at : at + each]) for at in range(0, len(gpus), each)] if each else [tuple(gpus)]
    if len(replicas) < 2:
        yield tuple(gpus)
        return
    folder = make_private(base_folder() / f"{owner.pid}-{owner.start}-{_NAME}")
    with contextlib.ExitStack() as held:
        places = ((f"{len(replicas)}-{number}-{turn}", devices) for turn in count() for number, devices in enumerate(replicas))
        yield next(devices for name, devices in places if _is_free(folder / name, held))


def _is_free(path: Path, held: contextlib.ExitStack) -> bool:
    """Whether nobody else has this place; it is ours then for as long as `held` is."""
    file = open(path, "a", encoding="utf-8")  # noqa: SIM115  # closed with `held`, or below
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.enter_context(file)
    return True
