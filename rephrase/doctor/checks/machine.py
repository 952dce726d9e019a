"""The machine where tasks run: its GPUs, its shared memory, and the room on its disks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence

from rephrase import storage
from rephrase.doctor.check import Check
from rephrase.doctor.checks.inputs import size
from rephrase.doctor.checks.models import vllm_engines
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.engines.devices import described, gpus_here
from rephrase.errors import UserError
from rephrase.spark.runtime.gpus import configured_gpus, configured_tasks

_SHM = "/dev/shm"  # noqa: S108  # the kernel's own
_SHM_BYTES = 1 << 30  # ours: vLLM's processes hand tensors on through it; Docker gives 64 MiB unless told
_LITTLE, _TOO_LITTLE = 10e9, 1e9  # bytes; ours: a tokenizer, a log and a compiled model have room in the first, hardly in the second
_IN_USE = 0.1  # of a GPU's memory; ours: vLLM takes 0.9 of it unless told
_TEMPORARY = ("TMPDIR", "SPARK_LOCAL_DIRS")


def _gpus(site: Site) -> Sequence[int]:
    wanted = configured_gpus(site.run)
    return [wanted or 0] if site.has_tasks and (wanted or vllm_engines(site)) else []


def _look_at_gpus(wanted: int, site: Site) -> Outcome:
    gpus = gpus_here()
    if len(gpus) < wanted:
        what = f"{wanted} GPU{'s' if wanted > 1 else ''} asked for an executor, and nvidia-smi shows {len(gpus) or 'none'} here"
        cure = "give the machine its GPUs and NVIDIA's driver (in a container: docker run --gpus all), or ask for fewer"
        raise UserError(what, cure=cure)
    for engine in site.run.all_engines.by_name.values():
        if wanted:
            engine.check_gpus(wanted, configured_tasks(site.run))
    if not gpus:
        return Outcome("none is asked for, and none is here: vLLM computes on the processor")
    busy = [number for number, gpu in enumerate(gpus) if gpu.memory_mib and gpu.used_mib > _IN_USE * gpu.memory_mib]
    if busy:
        used = gpus[busy[0]].used_mib / 1024
        cure = "end what uses it (nvidia-smi shows its processes), or lower engine.gpu_memory_utilization"
        return Outcome(f"{described(gpus)}; GPU {busy[0]} has {used:.0f} GiB in use already", True, cure)
    return Outcome(described(gpus))


def _with_vllm(site: Site) -> Sequence[str]:
    return [_SHM] if vllm_engines(site) else []


def _look_at_shared_memory(path: str, site: Site) -> Outcome:
    if not os.access(path, os.W_OK):
        raise UserError("it cannot be written", where=path, cure="mount it; in a container: docker run --ipc=host")
    free = shutil.disk_usage(path).free
    text = f"{size(free)} free in {path}"
    if free >= _SHM_BYTES:
        return Outcome(text)
    cure = "in a container: docker run --shm-size 8g, on Kubernetes an emptyDir of medium Memory at /dev/shm"
    if (configured_gpus(site.run) or 1) > 1:
        raise UserError(f"{text}: too little for a model on several GPUs", cure=cure)
    return Outcome(text, True, cure)


def _folders(site: Site) -> Sequence[str]:
    named = [folder for name in _TEMPORARY for folder in os.environ.get(name, "").split(",") if folder]
    lacking = [folder for folder in named if not os.path.exists(folder)]
    hub = [os.path.expanduser(os.environ.get("HF_HOME", "~/.cache/huggingface"))] if _loads_from_hub(site) else []
    output = [site.run.output] if storage.is_local(site.run.output) else []
    if not site.has_tasks:
        return []
    others: dict[int, str] = {}
    for folder in (tempfile.gettempdir(), *named, *hub, *output):
        others.setdefault(_device_of(folder), folder)  # one of each disk
    return list(dict.fromkeys([*lacking, *others.values()]))


def _there(folder: str) -> str:
    """The folder, or what is there of the folders above it."""
    while not os.path.exists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder


def _device_of(folder: str) -> int:
    return os.stat(_there(folder)).st_dev


def _loads_from_hub(site: Site) -> bool:
    return any(not os.path.isdir(engine.model) for engine in vllm_engines(site))


def _look_at_disk(folder: str, site: Site) -> Outcome:
    there = _there(folder)
    variable = next((name for name in _TEMPORARY if folder in os.environ.get(name, "").split(",")), "")
    where = f"{folder} ({variable})" if variable else folder
    if variable and there != folder:
        raise UserError("there is no such folder", where=where, cure="create it, or set the variable to one that is there")
    if folder != site.run.output:  # which has a check of its own
        try:
            with tempfile.TemporaryFile(dir=there) as file:
                file.write(b"\0" * 4096)
        except OSError as error:
            raise UserError(f"cannot write: {error.strerror}", where=where, cure="check its permissions and free space") from error
    free = shutil.disk_usage(there).free
    text = f"{size(free)} free in {where}"
    if free < _TOO_LITTLE:
        raise UserError(f"only {text}", cure="make room, or name another folder (TMPDIR, SPARK_LOCAL_DIRS, HF_HOME)")
    return Outcome(text, free < _LITTLE, "make room before a long run" if free < _LITTLE else "")


GPUS = Check("gpus", _gpus, _look_at_gpus, "restart NVIDIA's driver: a GPU that has fallen off the bus makes nvidia-smi hang")
SHARED_MEMORY = Check("shm", _with_vllm, _look_at_shared_memory)
DISK = Check("disk", _folders, _look_at_disk, "the file system hangs: look at its mount")
