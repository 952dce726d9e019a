"""Entities by Presidio (https://github.com/microsoft/presidio) over a spaCy model. Nothing else imports either for this."""

from __future__ import annotations

import functools
import logging
from collections.abc import Collection, Sequence
from typing import Any

from classifiers.entities.spans import Recognised, pieces, words_of
from rephrase.errors import UserError
from rephrase.settings.nearest import nearest

_PIECE = 2_000  # words: spaCy refuses a million characters, and takes memory for all of a text at once
_TOGETHER = 32  # texts that spaCy takes at a time
_UNUSED = ("parser", "senter")  # sentences play no part
_OF_WORDS = ("tagger", "attribute_ruler", "lemmatizer", "morphologizer")  # for the words around what a pattern finds; a third of the time


class ByPresidio:
    """Recognises the entities of Presidio: its patterns and checksums, and what the spaCy model names."""

    def __init__(self, folder: str, kinds: Sequence[str], min_score: float, language: str) -> None:
        self._kinds = {entity_of(kind): kind for kind in kinds}
        self._analyzer = _analyzer(folder, language, _of_model(self._kinds))
        self._language, self._min_score = language, min_score
        known = self._analyzer.get_supported_entities(language)
        for entity, kind in self._kinds.items():
            if entity not in known:
                ours = [name.lower() for name in known]
                cure = f"{nearest(kind, ours) or 'it has ' + ', '.join(sorted(ours))}; GLiNER takes any words (`by: gliner`)"
                raise UserError(f"Presidio has no entity `{kind}`", where="input.scrub.entities.kinds", cure=cure)

    def __call__(self, texts: Sequence[str]) -> list[list[Recognised]]:
        """The spans of each text."""
        from presidio_analyzer import BatchAnalyzerEngine

        parts = [(number, start, end) for number, text in enumerate(texts) for start, end in pieces(text, words_of(text), _PIECE)]
        results = BatchAnalyzerEngine(self._analyzer).analyze_iterator(
            [texts[number][start:end] for number, start, end in parts],
            self._language,
            batch_size=_TOGETHER,
            entities=list(self._kinds),
            score_threshold=self._min_score,
        )
        spans: list[list[Recognised]] = [[] for _ in texts]
        for (number, at, _), result in zip(parts, results, strict=True):
            spans[number] += [Recognised(at + one.start, at + one.end, self._kinds[one.entity_type], one.score) for one in result]
        return spans


def entity_of(kind: str) -> str:
    """The name that Presidio has for a kind: PERSON for person, US_SSN for us ssn."""
    return kind.strip().upper().replace(" ", "_")


def _of_model(entities: Collection[str]) -> bool:
    """Whether spaCy's models name all of these, so that no pattern is looked for."""
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    return set(entities) <= set(SpacyNlpEngine().get_supported_entities())


@functools.lru_cache(maxsize=2)
def _analyzer(folder: str, language: str, of_model: bool) -> Any:
    import spacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)  # it warns of each label that it has no entity for
    engine: Any = SpacyNlpEngine(models=[{"lang_code": language, "model_name": folder}])
    try:
        model = spacy.load(folder, exclude=(*_UNUSED, *(_OF_WORDS if of_model else ())))
    except Exception as error:  # each broken file fails in its own way
        raise UserError(f"spaCy cannot load the model: {error}", where=folder, cure="give the folder of a spaCy model") from error
    if model.lang not in (language, "xx"):
        cure = f"set `language: {model.lang}`, or give a model for `{language}`"
        raise UserError(f"the model is for `{model.lang}`, and `language` is `{language}`", where=folder, cure=cure)
    if "ner" not in model.pipe_names and "entity_ruler" not in model.pipe_names:
        raise UserError("the spaCy model recognises no entities: it has no `ner`", where=folder, cure="give one that has")
    engine.nlp = {language: model}  # its own load would download what it does not find
    return AnalyzerEngine(nlp_engine=engine, supported_languages=[language])
