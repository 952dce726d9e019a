"""vLLM where tasks run: whether it can be imported, and whether its version is one that is tested."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires

from rephrase.doctor.check import Check
from rephrase.doctor.checks.models import vllm_engines
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.engines.vllm.settings import check_installed
from rephrase.errors import UserError

# In a process of its own: torch takes memory and devices, and an import that crashes would end this one.
_PROGRAM = "import vllm, torch; print('vllm', vllm.__version__, torch.__version__, torch.version.cuda or '-')"
_SECONDS = 115
_CURE = "pip install '.[gpu]' in the checkout of rephrase, into the environment that tasks have, or '.[cpu]' without a GPU"


def tested_range() -> str:
    """The versions of vLLM that are tested, by the metadata of our package: `<0.33,>=0.27.1`; empty where it has none."""
    try:
        lines = requires("rephrase") or []
    except PackageNotFoundError:
        return ""
    return next((match[1] for line in lines if (match := re.match(r"vllm\s*\(?([^;)]+)", line))), "").strip()


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3])


def is_tested(version: str, bounds: str) -> bool:
    """Whether a version is within bounds such as `<0.33,>=0.27.1`; True where there are none."""
    for bound in filter(None, bounds.split(",")):
        match = re.match(r"\s*(>=|<)\s*([\d.]+)", bound)
        if match and (_version(version) < _version(match[2])) != (match[1] == "<"):
            return False
    return True


def _machine(site: Site) -> Sequence[str]:
    return ["vLLM"] if vllm_engines(site) else []


def _look(where: str, site: Site) -> Outcome:
    check_installed(where)
    try:
        told = subprocess.run(  # noqa: S603  # our own line
            [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"importing it takes more than {_SECONDS} s", where=where, cure="is its disk slow, or the machine?") from error
    line = next((line.split() for line in told.stdout.splitlines() if line.startswith("vllm ")), None)
    if told.returncode or line is None:
        reason = told.stderr.strip().splitlines()
        raise UserError(f"it cannot be imported: {reason[-1] if reason else f'code {told.returncode}'}", where=where, cure=_CURE)
    _, version, torch, cuda = line
    text = f"vLLM {version}, torch {torch}" + (f" for CUDA {cuda}" if cuda != "-" else "")
    if not is_tested(version, site.vllm_range):
        return Outcome(f"{text}; tested are {site.vllm_range}", True, f"pip install 'vllm{site.vllm_range}'")
    return Outcome(text)


VLLM = Check("vllm", _machine, _look, "look at the disk of the environment, and the load of this machine", takes=4)
