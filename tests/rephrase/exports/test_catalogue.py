"""A format is made from its name, its settings and its vocabulary, or an error says what is wrong with them."""

from __future__ import annotations

import pickle

import pytest

from rephrase.errors import UserError
from rephrase.exports.base import formats
from rephrase.exports.catalogue import make_format
from rephrase.exports.vocabulary import Vocabulary

VOCABULARY = Vocabulary("t", 9, "</s>", 0)
NEEDED = {"packed": {"sequence_length": 8}}


def test_formats_say_what_they_hold_where_the_tokenizer_is_wrong() -> None:
    for name, kind in formats.items():
        if kind.takes_vocabulary == "required":
            with pytest.raises(UserError, match=f"{name} holds tokens"):
                make_format(name, None, NEEDED.get(name))
        elif kind.takes_vocabulary == "no":
            with pytest.raises(UserError, match=f"{name} holds text alone"):
                make_format(name, VOCABULARY, NEEDED.get(name))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("megatro", {}, r"--format: unknown export format `megatro` \(did you mean `megatron`\?\)"),
        ("numpy", {"compress": True}, "--option: numpy has no settings"),
        ("mds", {"compres": True}, r"--option: unknown key `compres` \(did you mean `compress`\?\)"),
        ("mds", {"compress": "much"}, "--option: `compress`: should be true or false, not 'much'"),
        ("packed", {}, "--sequence-length: how long shall a sequence be"),
        ("packed", {"sequence_length": 8, "packing": "tight"}, "`packing`: should be 'concatenate' or 'best-fit', not 'tight'"),
    ],
)
def test_wrong_names_and_settings_are_told(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_format(name, VOCABULARY, settings)


@pytest.mark.parametrize("name", formats.names())
def test_formats_travel_to_tasks_and_tell_of_themselves(name: str) -> None:
    vocabulary = None if formats.find(name).takes_vocabulary == "no" else VOCABULARY
    form = make_format(name, vocabulary, NEEDED.get(name))
    copy = pickle.loads(pickle.dumps(form))
    assert (copy.name, copy.settings, copy.vocabulary, copy.dtype) == (name, form.settings, vocabulary, form.dtype)
    assert formats.find(name).__doc__


def test_what_changes_the_files_is_the_meaning_of_an_export() -> None:
    assert make_format("mds", None).meaning() == {}
    assert make_format("mds", None, {"compress": True}).meaning() == {"compress": True}
    assert make_format("packed", VOCABULARY, {"sequence_length": 8}).meaning() == {"packing": {"length": 8, "strategy": "concatenate"}}
