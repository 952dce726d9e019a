"""Families of models on a real vLLM: tiny random ones of each, with the tokenizer and chat template of the tiny Llama."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from rephrase.engines.base import Completion, Sampling
from rephrase.engines.processes import Process
from rephrase.engines.vllm.engine import Vllm
from rephrase.engines.vllm.settings import VllmSettings
from tests.rephrase.engines.scripted import ask
from tests.rephrase.engines.vllm.test_servers import own_folder, sleeper
from tests.tiny_model import ENGINE, make_tokenizer

__all__ = ["own_folder", "sleeper"]
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
SHAPE: dict[str, Any] = {
    "vocab_size": 4096,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 1024,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
FAMILIES = {
    "Qwen3": {},
    "Qwen3Moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 128},
}


def make_model(folder: Path, family: str) -> Path:
    """Write a tiny random model of a family, with its tokenizer, into the folder."""
    import torch
    import transformers

    make_tokenizer(folder)
    config_class = getattr(transformers, f"{family}Config")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(transformers, f"{family}ForCausalLM")(config_class(**SHAPE, **FAMILIES[family]))
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_of_the_family_answers(family, tmp_path, sleeper, own_folder):
    folder = make_model(tmp_path / family, family)
    settings = VllmSettings(kind="vllm", model=str(folder), args=ENGINE["args"], env=ENGINE["env"])
    plain = [ask(f"Note {n}", sampling=Sampling(max_tokens=24, ignore_eos=True), seed=n) for n in range(4)]
    held = ask(
        "Judge",
        sampling=Sampling(max_tokens=64),
        schema=json.dumps(
            {"type": "object", "properties": {"verdict": {"enum": ["keep"]}}, "required": ["verdict"], "additionalProperties": False}
        ),
    )

    async def run() -> tuple[list[Completion], list[Completion]]:
        async with Vllm(settings, owner=Process.of(sleeper.pid)) as engine:
            return await engine.complete(plain), await engine.complete([held])

    answers, [verdict] = asyncio.run(run())
    assert [(answer.error, answer.completion_tokens, answer.finish_reason) for answer in answers] == [(None, 24, "length")] * 4
    assert json.loads(verdict.text) == {"verdict": "keep"}
