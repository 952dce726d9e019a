"""Where there is no hub, whoever loads a tokenizer by its id is told so at once, quietly and with a cure."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from rephrase.engines.prompts import ChatPrompter
from rephrase.errors import UserError
from rephrase.text.tokenizer import Tokenizer


@pytest.mark.parametrize(("load", "files"), [(Tokenizer.load, " tokenizer.json"), (ChatPrompter, "")])
def test_a_tokenizer_without_a_hub(load: Callable[[str], object], files: str, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(UserError, match="not in the hub's cache here, and the hub does not answer") as raised:
        load("nobody/has-this")
    assert time.monotonic() - begun < 15  # transformers is imported
    assert f"`hf download nobody/has-this{files} --local-dir FOLDER`" in raised.value.cure
    assert "Retrying" not in capfd.readouterr().err
