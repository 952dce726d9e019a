"""Models for bench/gpu.py: the shapes of real ones, weights that vLLM draws itself, and a tokenizer that is there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Model:
    """A model's shape as its config.json gives it, and the load that keeps a GPU of 80 GB and more at work for half a minute."""

    name: str
    config: dict[str, Any]
    prompts: int
    tokens: int

    @property
    def parameters(self) -> int:
        """Weights that each token is multiplied with: all but the embeddings, which are looked up, and with the head."""
        c = self.config
        head = c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
        attention = 2 * c["hidden_size"] * head * (c["num_attention_heads"] + c["num_key_value_heads"])
        layer = attention + 3 * c["hidden_size"] * c["intermediate_size"]
        return int(c["num_hidden_layers"] * layer + c["vocab_size"] * c["hidden_size"])

    def operations(self, prompt_tokens: int, output_tokens: int, requests: int) -> float:
        """Floating-point operations of these requests: two a weight and token, and attention over half of the context on average."""
        c, tokens = self.config, prompt_tokens + output_tokens
        head = c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
        attention = 4 * c["num_hidden_layers"] * c["num_attention_heads"] * head * (tokens / requests / 2)
        return float(tokens * (2 * self.parameters + attention))


_LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "torch_dtype": "bfloat16"}
_QWEN3 = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_act": "silu", "torch_dtype": "bfloat16"}

# Shapes: the config.json of HuggingFaceTB/SmolLM2-1.7B-Instruct and Qwen/Qwen3-8B. The latter has fewer prompts, as each takes longer.
MODELS = (
    Model(
        "SmolLM2-1.7B",
        {
            **_LLAMA,
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 24,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "vocab_size": 49152,
            "max_position_embeddings": 8192,
            "rope_theta": 130000,
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": True,
        },
        prompts=3072,
        tokens=256,
    ),
    Model(
        "Qwen3-8B",
        {
            **_QWEN3,
            "hidden_size": 4096,
            "intermediate_size": 12288,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151936,
            "max_position_embeddings": 40960,
            "rope_theta": 1000000,
            "rms_norm_eps": 1e-6,
            "tie_word_embeddings": False,
        },
        prompts=1536,
        tokens=256,
    ),
)
# What shows that the script runs where there is no GPU.
TINY = Model(
    "tiny",
    {
        **_LLAMA,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 4096,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
    },
    prompts=256,
    tokens=32,
)


def write_model(model: Model, folder: Path) -> Path:
    """The model's folder, without weights: for `--load-format dummy`.

    The tokenizer is that of the examples. Its vocabulary is filled up to the model's: whatever token such a model writes must be a text.
    """
    folder.mkdir(parents=True)
    tokenizer = json.loads((ROOT / "examples" / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    first = max(vocabulary.values()) + 1
    for number, token in enumerate(token for token in CONTROL if token not in vocabulary):
        vocabulary[token] = first + number
    vocabulary |= {f"Ġword{number}": number for number in range(max(vocabulary.values()) + 1, model.config["vocab_size"])}
    form = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer["added_tokens"] = [{"id": vocabulary[token], "content": token, **form} for token in CONTROL]
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": TEMPLATE,
        "eos_token": CONTROL[2],
        "pad_token": CONTROL[0],
        "model_max_length": model.config["max_position_embeddings"],
    }
    ends = {"bos_token_id": vocabulary[CONTROL[0]], "eos_token_id": vocabulary[CONTROL[2]]}
    for name, content in (("tokenizer", tokenizer), ("tokenizer_config", about), ("config", {**model.config, **ends})):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
