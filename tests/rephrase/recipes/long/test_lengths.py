"""Documents of 128k tokens: each recipe makes its text of them, in a memory that does not grow with the number of prompts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOKENS = 131_072
MEBIBYTES = 700  # of which the interpreter with its libraries has about 300, and each copy of the text half a mebibyte

PROGRAM = """
import json, resource, sys
from rephrase.text.tokenizer import Tokenizer
from tests.rephrase.recipes.long.answers import answer
from tests.rephrase.recipes.long.texts import chronicle
from tests.rephrase.recipes.play import play

tokenizer = Tokenizer.load(sys.argv[2])
text = chronicle(40)
text = chronicle(40 * int(sys.argv[3]) // tokenizer.count([text])[0] + 1)
tokens = tokenizer.count([text])[0]
played = play(sys.argv[1], text, dict.fromkeys(
    ["rewrite", "ask", "check", "questions", *(f"level{n}" for n in range(6))], answer), tokenizer)
texts = [made for step in played.rows for made in played.texts(step)]
longest = max(tokenizer.count([prompt])[0] for prompts in played.prompts.values() for prompt in prompts)
print(json.dumps({
    "tokens": tokens,
    "texts": tokenizer.count(texts),
    "longest_prompt": longest,
    "prompts": sum(map(len, played.prompts.values())),
    "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
"""


@pytest.mark.long
@pytest.mark.parametrize("recipe", ["long/stitch", "long/qa", "long/aggregate", "long/summaries"])
def test_a_document_of_128k_tokens_in_flat_memory(recipe, tokenizer_file):
    root = Path(__file__).parents[4]
    command = [sys.executable, "-c", PROGRAM, recipe, tokenizer_file, str(TOKENS)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    made = json.loads(done.stdout.splitlines()[-1])
    assert made["tokens"] >= TOKENS
    assert made["texts"], "it gives a text"
    if recipe != "long/stitch":
        assert made["texts"][0] > made["tokens"], "with the whole document in it"
    assert made["longest_prompt"] < 5000, "and no prompt shows more than parts of it"
    assert made["mebibytes"] < MEBIBYTES, made
