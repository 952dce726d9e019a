from __future__ import annotations

import pytest

from rephrase.text.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def tokenizer(tokenizer_file) -> Tokenizer:
    return Tokenizer.load(tokenizer_file)
