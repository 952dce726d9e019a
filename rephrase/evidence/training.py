"""Trains one proxy model and measures it: the one file that knows torch and transformers, which it imports when it works."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rephrase.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rephrase.evidence.held_out import HeldOut
    from rephrase.evidence.packed_sequences import Block
    from rephrase.evidence.sizes import Schedule, Size

_NOT_LEARNED = -100  # the label that torch's cross entropy passes over
_LOGITS = 1 << 28  # numbers that are made at a time, four bytes each and more to differentiate them: memory holds no whole step
_SAVE_EVERY = 20.0  # seconds between two checkpoints
_CURE = "install what an engine brings: `pip install 'rephrase[gpu]'` or `'rephrase[cpu]'`"


@dataclass(frozen=True, slots=True)
class Trial:
    """One training: a shape, its vocabulary, its sequences in the order in which they lie, and the seed of weights and of their order.

    eod: the token that ends documents; a held-out document is read after it, as the next one in a sequence is.
    """

    size: Size
    vocabulary: int
    eod: int
    block: Block
    schedule: Schedule
    seed: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What a training gave. bits_per_byte: by set. loss: of the last tenth of the training, in nats a token. seconds: of this process."""

    parameters: int
    bits_per_byte: dict[str, float]
    loss: float
    seconds: float


Progress = Callable[[int, float], None]
"""Told after each step: the tokens that are trained on so far, and the loss of the last steps in nats a token."""


def device_named(name: str | None) -> str:
    """The device that trains: the one named, else the first GPU, else the CPU. Raises `UserError` without torch, or without that device."""
    torch = _torch()
    chosen = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=chosen)
    except (RuntimeError, AssertionError) as error:  # torch's words for a device that it does not know, or was not built for
        reason = str(error).split("\n", 1)[0]
        cure = "--device cpu, or a torch that was built for the GPU"
        raise UserError(f"torch cannot work on {chosen}: {reason}", where="--device", cure=cure) from error
    return chosen


def train(trial: Trial, held_out: Sequence[HeldOut], device: str, checkpoint: str | None, progress: Progress) -> Measured:
    """Train on the whole block once, and measure. Goes on from `checkpoint`, a local file, where it is there; it is kept up to date."""
    torch = _torch()
    began = time.monotonic()
    run = _Run(torch, trial, device)
    if checkpoint and os.path.exists(checkpoint):
        run.load(checkpoint)
    saved = time.monotonic()
    for step in range(run.step, run.steps):
        run.take(step)
        progress(run.tokens, run.loss)
        if checkpoint and time.monotonic() - saved >= _SAVE_EVERY:
            run.save(checkpoint)
            saved = time.monotonic()
    if checkpoint and run.steps:
        run.save(checkpoint)  # so that what comes after the training may be killed too
    bits = {held.name: run.bits_per_byte(held) for held in held_out}
    return Measured(run.parameters, bits, run.loss, time.monotonic() - began)


class _Run:
    """The model and its optimizer, and how far they are."""

    def __init__(self, torch: Any, trial: Trial, device: str) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        self._torch, self._trial, self._device = torch, trial, device
        size, schedule, length = trial.size, trial.schedule, trial.block.tokens.shape[1]
        torch.manual_seed(trial.seed)
        config = LlamaConfig(
            vocab_size=-(-trial.vocabulary // 64) * 64,
            hidden_size=size.hidden,
            intermediate_size=size.intermediate,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.heads,
            max_position_embeddings=length,
            tie_word_embeddings=True,
            use_cache=False,
            attn_implementation="sdpa",
        )
        self._model = LlamaForCausalLM(config).to(device)
        matrices = [weights for weights in self._model.parameters() if weights.dim() > 1]
        others = [weights for weights in self._model.parameters() if weights.dim() < 2]
        groups = [{"params": matrices, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=schedule.betas)
        self._batch: int = max(1, round(schedule.batch / length))  # sequences of a step
        self._part = max(1, min(self._batch, _LOGITS // (config.vocab_size * length)))  # sequences at a time
        self._order = np.random.default_rng([trial.seed, 1]).permutation(len(trial.block))
        self._losses: list[float] = []
        self.steps = -(-len(trial.block) // self._batch)
        self.step = 0

    @property
    def parameters(self) -> int:
        """All of the model."""
        return sum(int(weights.numel()) for weights in self._model.parameters())

    @property
    def tokens(self) -> int:
        """Trained on so far."""
        length: int = self._trial.block.tokens.shape[1]
        return min(self.step * self._batch, len(self._trial.block)) * length

    @property
    def loss(self) -> float:
        """The mean of the last tenth of all steps."""
        last = self._losses[-max(1, self.steps // 10) :]
        return sum(last) / len(last) if last else math.nan

    def take(self, step: int) -> None:
        """One step of the optimizer. Raises `UserError` where the loss is no number any more."""
        places = self._order[step * self._batch : (step + 1) * self._batch]
        tokens, learned = self._trial.block.tokens[places], self._trial.block.learned[places]
        labels = np.where(learned, tokens, _NOT_LEARNED)[:, 1:]
        for group in self._optimizer.param_groups:
            group["lr"] = self._trial.schedule.learning_rate * _rate(step, self.steps, self._trial.schedule)
        self._model.train()
        self._optimizer.zero_grad(set_to_none=True)
        count, mean = max(1, int((labels != _NOT_LEARNED).sum())), 0.0
        for at in range(0, len(places), self._part):
            loss = self._nats(tokens[at : at + self._part, :-1], labels[at : at + self._part]) / count
            loss.backward()
            mean += float(loss.detach())
        self._torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._trial.schedule.clip)
        self._optimizer.step()
        self._losses.append(mean)
        if not math.isfinite(self._losses[-1]):
            raise UserError(
                f"the loss is {self._losses[-1]} after {step + 1:,} steps", where="rephrase proxy", cure="a lower --learning-rate"
            )
        self.step = step + 1

    def bits_per_byte(self, held: HeldOut) -> float:
        """Of the documents of a set together: what the model needs to tell each token after those before it in the same document."""
        self._model.eval()
        length = self._trial.block.tokens.shape[1]
        with self._torch.no_grad():
            nats = sum(float(self._nats(*window)) for window in _windows(held.tokens, self._trial.eod, length - 1, self._part))
        return nats / math.log(2) / sum(held.bytes)

    def _nats(self, tokens: NDArray[Any], labels: NDArray[Any]) -> Any:
        """The sum over all labels. Both arrays have the shape (sequences, tokens); a label stands where its context ends."""
        torch = self._torch
        inputs, targets = (torch.as_tensor(values, dtype=torch.int64, device=self._device) for values in (tokens, labels))
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=self._device.startswith("cuda")):
            logits = self._model(input_ids=inputs).logits
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), targets.flatten(), ignore_index=_NOT_LEARNED, reduction="sum"
        )

    def save(self, path: str) -> None:
        """Write a checkpoint, which replaces the last one at once."""
        state = {"model": self._model.state_dict(), "optimizer": self._optimizer.state_dict(), "losses": self._losses, "step": self.step}
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        self._torch.save(state, f"{path}.draft")
        os.replace(f"{path}.draft", path)

    def load(self, path: str) -> None:
        """Go on from a checkpoint. Raises `UserError` for a file that holds another one."""
        try:
            state = self._torch.load(path, map_location=self._device, weights_only=True)
            self._model.load_state_dict(state["model"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._losses, self.step = list(state["losses"]), int(state["step"])
        except Exception as error:  # whatever torch makes of a file of another kind
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise UserError(f"not a checkpoint of this model: {reason}", where=path, cure="remove it: the training begins anew") from error


def _rate(step: int, steps: int, schedule: Schedule) -> float:
    """The learning rate of a step as a share of the peak: up in a line, down along a cosine."""
    up = max(1.0, steps * schedule.warmup)
    if step + 1 < up:
        return (step + 1) / up
    done = (step + 1 - up) / max(1.0, steps - up)
    return schedule.end + (1 - schedule.end) * (1 + math.cos(math.pi * min(done, 1.0))) / 2


def _windows(
    documents: Sequence[NDArray[np.int64]], eod: int, length: int, batch: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Tokens and labels of documents cut into windows, filled up with those of like length, some at a time. Shape: (windows, tokens)."""
    windows = []
    for document in documents:
        whole = np.concatenate([[eod], document])
        windows += [whole[at : at + length + 1] for at in range(0, len(whole) - 1, length)]
    windows.sort(key=len)
    for at in range(0, len(windows), batch):
        some = windows[at : at + batch]
        tokens = np.full((len(some), len(some[-1]) - 1), eod, np.int64)
        labels = np.full(tokens.shape, _NOT_LEARNED, np.int64)
        for row, window in enumerate(some):
            tokens[row, : len(window) - 1] = window[:-1]
            labels[row, : len(window) - 1] = window[1:]
        yield tokens, labels


def _torch() -> Any:
    try:
        import torch
        import transformers  # noqa: F401  # looked for here, so that its lack is told before anything is read
    except ImportError as error:
        raise UserError(f"proxy models need torch and transformers: {error}", where="rephrase proxy", cure=_CURE) from error
    return torch
