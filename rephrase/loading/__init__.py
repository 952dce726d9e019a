"""What a training program loads while it trains: a virtual mixture, which is an index over the texts of a run. Free of Spark.

VirtualMixture   its rows, one after the other
Share            whose rows of them, where there are several readers
VirtualDataset   the same for PyTorch's DataLoader
begin_phase      other shares from a position on

Nothing of it is imported before it is asked for; PyTorch only with `VirtualDataset`.
"""

from typing import TYPE_CHECKING

from rephrase.lazy import attach

if TYPE_CHECKING:
    from rephrase.loading.dataset import VirtualDataset
    from rephrase.loading.manifest import begin_phase
    from rephrase.loading.reader import Share, VirtualMixture

__all__ = ["Share", "VirtualDataset", "VirtualMixture", "begin_phase"]

_HOMES = {
    "Share": "rephrase.loading.reader",
    "VirtualDataset": "rephrase.loading.dataset",
    "VirtualMixture": "rephrase.loading.reader",
    "begin_phase": "rephrase.loading.manifest",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = attach(__name__, _HOMES)
