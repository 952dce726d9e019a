"""What a vLLM server that computes on the processor is started with: a data type that it has kernels for, short steps, fast libraries.

Each of these the user can set: an argument or a variable that is there stays.
"""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

# vLLM's default takes half of the memory, which the executor and its tasks need.
_CACHE, _CACHE_GIB = "VLLM_CPU_KVCACHE_SPACE", "2"
# vLLM leaves a core to the process that makes batches, half of a machine with two. That process stands back here, and needs little of one.
_RESERVED, _BOUND = "VLLM_CPU_NUM_OF_RESERVED_CPU", "VLLM_CPU_OMP_THREADS_BIND"
_FEW_CORES = 8
# vLLM 0.32 stores what it has compiled ahead of time, and for processors cannot load it. Without, a second start finds it in torch's cache.
_AHEAD = "VLLM_USE_AOT_COMPILE"
# Tokens of a step, where throughput mode takes 4,096: a start computes one step, and with a model of 8 billion weights one of 4,096 takes
# longer than a server may be silent.
_STEP = "1024"
_CPUINFO = "/proc/cpuinfo"
# Flags of x86 processors, one of which oneDNN needs to compute in a type. Without, it takes a path that is tens of times slower.
_KERNELS = {
    "bfloat16": frozenset({"avx512_bf16", "amx_bf16"}),
    "float16": frozenset({"avx512_fp16", "amx_fp16"}),
}
_LIMIT = "ONEDNN_MAX_CPU_ISA"  # the newest instructions that oneDNN may use: it lets a new processor be used as an old one
_WITHOUT_16_BITS = frozenset({"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"})
_LIBRARIES = {  # by the name that vLLM looks for in LD_PRELOAD, where they may be
    "libtcmalloc": ("/usr/lib/*/libtcmalloc_minimal.so.*", "/usr/lib64/libtcmalloc_minimal.so.*", "/usr/lib/*/libtcmalloc.so.*"),
    "libiomp": (f"{sys.prefix}/lib/libiomp5.so",),
}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What is added to a server's arguments and its environment, and the reasons that users are told."""

    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def defaults(given: Collection[str], environment: Mapping[str, str], config: Mapping[str, Any], flags: frozenset[str]) -> Defaults:
    """What a server on a processor with these `flags` is started with, beside the arguments whose names are `given`.

    `environment` is the one that it would have; `config` the model's config.json, empty where it is not known yet.
    """
    arguments: list[str] = []
    reasons: list[str] = []
    if "--dtype" not in given and (dtype := dtype_for(flags, config)):
        arguments += ["--dtype", dtype]
        reasons.append(
            f"computes in {dtype}, as this processor has no kernels for the model's 16 bits (AVX-512 or AMX); --dtype in `args` wins"
        )
    if not {"--enforce-eager", "--compilation-config", "-O", "-cc"} & set(given) and not has_compiler(environment):
        arguments.append("--enforce-eager")
        reasons.append("is not compiled, as there is no C++ compiler here; with g++ it writes faster")
    if "--max-model-len" not in given:  # with a context that the cache cannot hold it would not start
        arguments += ["--max-model-len", "auto"]
    if "--max-num-batched-tokens" not in given:
        arguments += ["--max-num-batched-tokens", _STEP]
    added = {name: value for name, value in ((_CACHE, _CACHE_GIB), (_AHEAD, "0")) if name not in environment}
    if not {_RESERVED, _BOUND} & set(environment) and len(os.sched_getaffinity(0)) <= _FEW_CORES:
        added[_RESERVED] = "0"
    if preload := preloaded(environment):
        added["LD_PRELOAD"] = preload
    return Defaults(tuple(arguments), added, tuple(reasons))


def is_used(devices: Sequence[str]) -> bool:
    """Whether vLLM, as it is installed here, computes on the processor: it has no GPUs, and is a build for processors."""
    return not devices and is_built_for_it()


def is_built_for_it() -> bool:
    """Whether vLLM, as it is installed here, is a build for processors, which leaves GPUs alone."""
    return os.environ.get("VLLM_TARGET_DEVICE") == "cpu" or any("cpu" in name for name in _installed())


def _installed() -> Iterable[str]:
    for package in ("vllm", "vllm-cpu"):
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


def flags_here(environment: Mapping[str, str]) -> frozenset[str]:
    """The features of this machine's processor that oneDNN uses, as Linux names them; none where it does not tell."""
    try:
        with open(_CPUINFO, encoding="utf-8", errors="replace") as file:
            flags = flags_of(file.read())
    except OSError:
        return frozenset()
    is_held_back = environment.get(_LIMIT, "").upper() in _WITHOUT_16_BITS
    return flags.difference(*_KERNELS.values()) if is_held_back else flags


def flags_of(cpuinfo: str) -> frozenset[str]:
    """The features of an x86 processor by the text of /proc/cpuinfo; none for others, whose lists have another name."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((frozenset(values.split()) for name, _, values in lines if name.strip() == "flags"), frozenset())


def dtype_for(flags: frozenset[str], config: Mapping[str, Any]) -> str | None:
    """The data type to ask for where vLLM's own choice has no kernels on an x86 processor; None where that choice is right.

    `config` is the model's config.json, empty where it is not known yet. vLLM takes the type that it names, and bfloat16 for float32.
    Weights that are packed have kernels of their own, which want the type they were made for.
    """
    inner = config.get("text_config")
    sections = (config, inner if isinstance(inner, dict) else {})
    if not flags or any("quantization_config" in section for section in sections):
        return None
    own = next((str(section[key]) for section in sections for key in ("dtype", "torch_dtype") if section.get(key)), "bfloat16")
    kernels = _KERNELS.get(own.removeprefix("torch."), _KERNELS["bfloat16"])
    return None if flags & kernels else "float32"


def has_compiler(environment: Mapping[str, str]) -> bool:
    """Whether there is a C++ compiler, with which torch compiles models for processors."""
    return shutil.which(environment.get("CXX") or "g++", path=environment.get("PATH")) is not None


def preloaded(environment: Mapping[str, str]) -> str | None:
    """The value of LD_PRELOAD with the libraries that vLLM's log asks for, as far as they are installed; None if nothing is to be added."""
    there = environment.get("LD_PRELOAD", "")
    paths = [_first(patterns) for name, patterns in _LIBRARIES.items() if name not in there]
    added = [path for path in paths if path is not None]
    return ":".join([*added, there]).rstrip(":") if added else None


def _first(patterns: Sequence[str]) -> str | None:
    return next((path for pattern in patterns for path in sorted(glob.glob(pattern))), None)
