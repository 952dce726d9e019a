from __future__ import annotations

import hashlib
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from classifiers import minhash
from classifiers.minhash import NO_KEY, MinhashSettings, band_keys, jaccard_estimate, signatures
from classifiers.words import words_of
from tests.classifiers.batches import REWRITE, SOURCE
from tests.places import ROOT

SETTINGS = MinhashSettings()
LOW = (1 << 32) - 1
TEXTS = st.lists(st.text(st.sampled_from("aAbé1 .,\n'-日本ก\U0001f600") | st.characters(), max_size=40), max_size=6)
AWKWARD = ["", " \t\n\n", "...", "\n", "word", "Word!", "two words", "a\udc80b", "日本語の文章は空白なしで書かれる。", SOURCE, REWRITE]


def mixed(value: int) -> int:
    value = ((value ^ (value >> 32)) * 0xFF51AFD7ED558CCD) % (1 << 64)
    return value ^ (value >> 29)


def shingles_of(text: str, size: int) -> set[int]:
    words = words_of([text]).hashes.tolist()
    shingles = set()
    for start in range(max(1, len(words) - size + 1) if words else 0):
        value, *rest = words[start : start + size]
        for word in rest:
            value = mixed((value * 0xC2B2AE3D27D4EB4F + word) % (1 << 64))
        shingles.add(value)
    return shingles


def plain_signature(text: str, settings: MinhashSettings) -> list[int]:
    count = settings.bands * settings.rows
    least: dict[int, int] = {}
    for shingle in shingles_of(text, settings.ngram):
        value = mixed((shingle + mixed(settings.seed)) % (1 << 64))
        place = (value >> 32) * count >> 32
        least[place] = min(least.get(place, LOW), value & LOW)
    if not least:
        return [LOW] * count

    def turn(place: int) -> int:
        asked = sorted(range(count), key=lambda other: mixed(mixed(other * count + place + (settings.seed << 32))))
        return next(other for other in asked if other in least)

    return [least[place] if place in least else least[turn(place)] for place in range(count)]


def prose(draw: random.Random, words: int) -> list[str]:
    vocabulary = (SOURCE + " " + REWRITE).split()
    return draw.choices(vocabulary, k=words)


def planted(draw: random.Random, words: int, similarity: float) -> tuple[str, str, float]:
    """Two texts with the same beginning and different ends, and the true similarity of their shingles."""
    shared = 4 + round((words - 4) * 2 * similarity / (1 + similarity))
    start = prose(draw, shared)
    a, b = (" ".join(start + prose(draw, words - shared)) for _ in range(2))
    first, second = shingles_of(a, 5), shingles_of(b, 5)
    return a, b, len(first & second) / len(first | second)


@given(TEXTS, st.builds(MinhashSettings, ngram=st.integers(1, 5), bands=st.integers(1, 5), rows=st.integers(1, 4), seed=st.integers(0, 9)))
def test_signatures_are_those_of_the_plain_reference(texts, settings):
    assert signatures(texts, settings).tolist() == [plain_signature(text, settings) for text in texts]


def test_long_texts_agree_with_the_plain_reference_too():
    draw = random.Random(2)
    texts = [*AWKWARD, *(" ".join(prose(draw, words)) for words in (4, 5, 6, 40, 110, 400, 3000))]
    assert signatures(texts, SETTINGS).tolist() == [plain_signature(text, SETTINGS) for text in texts]


def test_blocks_do_not_show(monkeypatch):
    draw = random.Random(3)
    texts = [*AWKWARD, *(" ".join(prose(draw, draw.randrange(80))) for _ in range(50))]
    whole = signatures(texts, SETTINGS)
    monkeypatch.setattr(minhash, "_BLOCK", 300)
    assert len(list(minhash._blocks(texts))) > 10
    np.testing.assert_array_equal(signatures(texts, SETTINGS), whole)


@pytest.mark.parametrize("words", [30, 120, 600])
def test_pairs_at_090_share_a_key_and_pairs_at_050_do_not(words):
    draw = random.Random(words)
    shares = {}
    for similarity in (0.9, 0.5):
        pairs = [planted(draw, words, similarity) for _ in range(600)]
        assert np.mean([true for _, _, true in pairs]) == pytest.approx(similarity, abs=0.04)
        a, b = (band_keys(signatures(side, SETTINGS), SETTINGS) for side in list(zip(*pairs, strict=True))[:2])
        shares[similarity] = np.mean((a == b).any(axis=1))
    assert shares[0.9] >= 0.95
    assert shares[0.5] <= 0.08  # fourteen bands of eight rows let 1 - (1 - 0.5**8)**14 = 5.3 % through


def test_the_estimate_has_no_bias_and_the_spread_of_independent_permutations():
    draw = random.Random(5)
    for words, similarity in ((15, 0.5), (60, 0.7), (500, 0.5), (500, 0.9)):
        a, b, true = zip(*(planted(draw, words, similarity) for _ in range(500)), strict=True)
        errors = jaccard_estimate(signatures(a, SETTINGS), signatures(b, SETTINGS)) - np.array(true)
        spread = np.sqrt(similarity * (1 - similarity) / SETTINGS.places)
        assert abs(errors.mean()) < 4 * spread / np.sqrt(len(errors)) + 1e-9
        assert errors.std() < 1.3 * spread


def test_case_punctuation_and_order_of_repeats_do_not_count():
    same = signatures(["The moon, the moon pulls the sea!", "the MOON the moon — pulls the sea"], SETTINGS)
    assert jaccard_estimate(same[:1], same[1:]).tolist() == [1.0]
    many = signatures([SOURCE, SOURCE + " " + SOURCE], SETTINGS)
    assert jaccard_estimate(many[:1], many[1:])[0] > 0.8


def test_texts_without_words_are_nobodys_duplicates():
    texts = ["", " \n", "...", "word", "Word!", "other"]
    found = signatures(texts, SETTINGS)
    keys = band_keys(found, SETTINGS)
    assert (keys[:3] == NO_KEY).all()
    assert (keys[3:] != NO_KEY).all()
    np.testing.assert_array_equal(keys[3], keys[4])
    assert not (keys[3] == keys[5]).any()
    np.testing.assert_array_equal(jaccard_estimate(found, found), [np.nan] * 3 + [1.0] * 3)


def test_no_texts_have_no_keys():
    assert signatures([], SETTINGS).shape == (0, 112)
    assert band_keys(signatures([], SETTINGS), SETTINGS).shape == (0, 14)


def test_bands_with_equal_values_have_different_keys():
    keys = band_keys(np.full((1, 112), 7, np.uint32), SETTINGS)
    assert len(set(keys.ravel().tolist())) == SETTINGS.bands


def test_another_process_finds_the_same():
    code = (
        "import sys, hashlib; from classifiers.minhash import *; from tests.classifiers.test_minhash import AWKWARD; s = MinhashSettings();"
        "print(hashlib.sha256(band_keys(signatures(AWKWARD, s), s).tobytes()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "77"}, cwd=ROOT)
    here = band_keys(signatures(AWKWARD, SETTINGS), SETTINGS)
    assert there.stdout.strip() == hashlib.sha256(here.tobytes()).hexdigest()


def test_the_values_of_this_version_stay():
    # Signatures are stored and compared with those of later runs: a change here makes old ones worthless.
    found = signatures(["The moon pulls the water of the sea."], SETTINGS)
    assert found[0, :3].tolist() == [2130562587, 1918448460, 281398069]
    assert band_keys(found, SETTINGS)[0, 0] == 13837987228645080687


def test_the_seed_changes_all():
    other = signatures([SOURCE], MinhashSettings(seed=2))
    assert not (other == signatures([SOURCE], SETTINGS)).any()


def test_settings_are_checked():
    with pytest.raises(ValidationError):
        MinhashSettings(bands=0)
