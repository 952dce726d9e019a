"""A virtual mixture as a data set of PyTorch, each row once over all ranks and workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import distributed
from torch.utils.data import IterableDataset, get_worker_info
from typing_extensions import override

from rephrase.errors import UserError
from rephrase.loading.reader import Share, VirtualMixture


class VirtualDataset(IterableDataset[dict[str, Any]]):  # type: ignore[misc, unused-ignore]  # where there is no torch
    """The rows of a virtual mixture for `torch.utils.data.DataLoader`, in the order of the mixture over all ranks and workers.

    Readers get blocks of `batch_size` rows in turn: the first block goes to the first worker of rank 0, the next to that of rank 1. So with
    the `batch_size` of the DataLoader, a rank has the same batches from any number of workers, and a step of all ranks is a stretch of the
    mixture.
    """

    def __init__(self, folder: str, *, batch_size: int = 1, rank: int | None = None, ranks: int | None = None, **options: Any) -> None:
        """folder: `<output>/virtual`. rank, ranks: by default those of `torch.distributed`. options: of `VirtualMixture`."""
        self._folder, self._block, self._options = folder, batch_size, options
        has_group = distributed.is_available() and distributed.is_initialized()
        self._rank = rank if rank is not None else distributed.get_rank() if has_group else 0
        self._ranks = ranks if ranks is not None else distributed.get_world_size() if has_group else 1
        self._state = {"start": 0, "given": 0, "readers": 0, "block": batch_size}
        self._mixture: VirtualMixture | None = None

    @override
    def __iter__(self) -> Iterator[dict[str, Any]]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        readers = self._ranks * workers
        state = self._state
        if state["given"] and (state["readers"], state["block"]) != (readers, self._block):
            if state["given"] % state["block"]:
                what = f"the state is that of one of {state['readers']} readers in the midst of a batch, and here are {readers}"
                raise UserError(what, where=self._folder, cure="go on with as many ranks and workers, or save states between batches")
            state = {**state, "start": state["start"] + state["given"] * state["readers"], "given": 0}
        self._state = {**state, "readers": readers, "block": self._block}
        share = Share(worker * self._ranks + self._rank, readers, self._block, self._state["start"], self._state["given"])
        self._mixture = VirtualMixture(self._folder, share, **self._options)
        return iter(self._mixture)

    @property
    def tokens(self) -> int:
        """Tokens of the mixture, of all ranks, up to the last row that was given here. Workers count in their own processes."""
        return self._mixture.tokens if self._mixture else 0

    def state_dict(self) -> dict[str, int]:
        """Where this reader is: in the process that iterates. See `state_after` for a DataLoader with workers."""
        return {**self._state, "given": self._mixture.given} if self._mixture else dict(self._state)

    def state_after(self, batches: int) -> dict[str, int]:
        """The state once each rank has had so many whole batches since the state that was loaded, whatever workers have read ahead.

        It fits any number of ranks and workers.
        """
        if self._state["given"]:
            raise UserError("batches are counted from a state between batches", where=self._folder, cure="load one of `state_after`")
        return {"start": self._state["start"] + batches * self._block * self._ranks, "given": 0, "readers": 0, "block": self._block}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where a state was taken: iterate after this."""
        self._state, self._mixture = dict(state), None
