"""Texts in twelve languages whose sentences are marked by hand: one a line, paragraphs apart, in tests/data/languages."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "data" / "languages"
TWELVE = ("zh", "ja", "ko", "ar", "hi", "th", "ru", "de", "fr", "es", "pt", "tr")
_WITHOUT_SPACES = ("zh", "ja")  # between sentences


def paragraphs_of(language: str) -> list[list[str]]:
    """The sentences of each paragraph."""
    return [paragraph.split("\n") for paragraph in (_FOLDER / f"{language}.txt").read_text("utf-8").strip().split("\n\n")]


def text_of(language: str) -> str:
    """The paragraphs as they would stand in a document."""
    gap = "" if language in _WITHOUT_SPACES else " "
    return "\n\n".join(gap.join(sentences) for sentences in paragraphs_of(language))


def sentence_ends(language: str) -> list[int]:
    """Where sentences end in `text_of`, in characters, in order."""
    text, ends, at = text_of(language), [], 0
    for sentence in (sentence for sentences in paragraphs_of(language) for sentence in sentences):
        at = text.index(sentence, at) + len(sentence)
        ends.append(at)
    return ends


def train_identifier(path: Path) -> str:
    """A fastText model that tells the twelve and English apart, trained on the marked sentences; its labels are spelled as FLORES does."""
    import fasttext

    names = dict(zip(TWELVE, FLORES, strict=True))
    lines = [f"__label__{names[code]} {sentence}" for code in TWELVE for sentences in paragraphs_of(code) for sentence in sentences]
    lines += [f"__label__eng_Latn {sentence}" for sentence in ENGLISH]
    path.with_suffix(".txt").write_text("\n".join(lines), "utf-8")
    model = fasttext.train_supervised(
        str(path.with_suffix(".txt")), dim=8, epoch=40, lr=1.0, minn=1, maxn=3, bucket=20_000, thread=1, verbose=0
    )
    model.save_model(str(path))
    return str(path)


FLORES = (
    *("zho_Hans", "jpn_Jpan", "kor_Hang", "arb_Arab", "hin_Deva", "tha_Thai"),
    *("rus_Cyrl", "deu_Latn", "fra_Latn", "spa_Latn", "por_Latn", "tur_Latn"),
)
ENGLISH = (
    "The lighthouse was lit for the first time in the autumn of that year.",
    "It stands on a low rock and can be seen from far away.",
    "Who left the window open, asked the keeper, and nobody answered him.",
    "The bees dance when they come home, so that the others know where the flowers are.",
    "The tide takes a little more than twelve hours to rise and fall again.",
)
