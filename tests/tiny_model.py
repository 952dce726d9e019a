"""A tiny random Llama with a tokenizer of its own: a real model folder, for real engines, made in seconds and offline.

`python -m tests.tiny_model DIR` writes it. Its completions are noise; everything around them is as with a large model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CONTEXT = 4096
# An engine on it that starts fast: the model runs in the engine's process, as with one GPU. On CPU vLLM would start a third process for it.
ENGINE: dict[str, Any] = {
    "kind": "vllm",
    "args": ["--enforce-eager", "--distributed-executor-backend", "uni"],
    "env": {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"},
}
CONTROL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_tokenizer(folder: Path, chat_template: str | None = CHAT_TEMPLATE) -> Path:
    """Write a byte-level BPE tokenizer of 4,096 tokens into `folder`. It prepends <|endoftext|> to plain text, as base models do."""
    from pydoc_data import topics

    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        special_tokens=CONTROL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(topics.topics.values(), trainer)
    begin = CONTROL_TOKENS[0]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=begin,
        eos_token="<|im_end|>",
        pad_token=begin,
        chat_template=chat_template,
        model_max_length=CONTEXT,
    )
    wrapped.save_pretrained(folder)
    return folder


def make_tiny_model(folder: str | Path) -> Path:
    """Write model, tokenizer and generation config (about 5 MB) into `folder`, which is made if need be, and return it.

    The weights come from a fixed seed. The generation config asks for greedy decoding, which a server must not obey unasked.
    """
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    make_tokenizer(folder)
    config = LlamaConfig(
        vocab_size=4096,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        eos_token_id=2,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=[2, 0], do_sample=True, temperature=0.01, top_k=1)
    model.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    print(json.dumps({"model": str(make_tiny_model(sys.argv[1]))}))
