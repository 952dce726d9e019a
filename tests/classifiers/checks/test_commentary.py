from __future__ import annotations

import pytest

from classifiers.cascade import build_cascade
from classifiers.checks.commentary import Commentary, CommentarySettings, default_rules
from classifiers.settings import Filter
from rephrase.errors import UserError
from rephrase.settings.validation import validate
from tests.classifiers.batches import REWRITE, SOURCE, batch


def is_kept(text: str, source: str = SOURCE, **settings: object) -> bool:
    result = Commentary("commentary", CommentarySettings(**settings))(batch([text], source))
    assert result.keep[0] == (result.scores["commentary"][0] == 0)
    return bool(result.keep[0])


COMMENTARIES = [
    "What makes this passage interesting is the way in which it speaks of towers.",
    "What makes this passage so compelling? It tells of a man and his tower.",
    "What is interesting about this text is the storm.",
    "The author discusses the towers on the reef.",
    "The writer begins by describing the reef.",
    "The author's main point is that granite lasts.",
    "The tower fell. The author also argues that oak is too weak.",
    "This text provides an overview of towers.",
    "The text discusses towers of oak and granite.",
    "The text appears to be an excerpt from a guide.",
    "The given text is about a lighthouse.",
    "The provided text appears to be a description of a reef.",
    "The passage describes a lighthouse.",
    "The passage does not mention the name of the builder.",
    "The tower fell. Overall, the passage emphasizes the power of the sea.",
    "**Summary:** The passage explains how towers were built.",
    "This passage is about a lighthouse and its builder.",
    "This is a passage about towers.",
    "This article discusses towers.",
    "This document provides a comprehensive overview of towers.",
    "This excerpt is from a book on the sea.",
    "In this passage, the author explains why towers fell.",
    "In this passage we learn that the tower was lit in 1698.",
    "According to the passage, the tower was lit in 1698.",
    "Based on the given text, the tower was lit in 1698.",
    "The main idea of the passage is that granite lasts.",
    "The tone of the passage is calm.",
    "After reading the passage, one knows how towers were built.",
    "This passage is written in a terse, learned register. The language is dry and without humor.",
    "The passage is provided in a clear, well-formed English language.",
    "The tower fell. I made the following changes to refine the passage:",
    "I removed the repetitive sentence structure by using a more concise narrative.",
    "I've replaced some of the sentence structures to improve the flow.",
    "The passage uses simple, relatable language to convey complex ideas.",
    "The passage is data, as is its sequence of sentences.",
    "The revised passage also uses transitional phrases.",
    "The tower fell.\n\nThe corrected passage:\nThe tower stood for five years.",
    "The text is very unprofessional and lacks creativity.",
    "This is a paraphrased version of the original text that uses a different structure.",
    "The tower fell. The paraphrased text uses a more complex structure to describe the reef.",
    "The text is intended to convey the idea that granite lasts.",
    "The text is well-written and easy to follow.",
    "Dieser Text beschreibt einen Leuchtturm.",
    "In diesem Abschnitt geht es um einen Leuchtturm.",
    "Der Autor erklärt, wie der Turm gebaut wurde.",
    "Ce texte décrit un phare. La mer est haute.",
    "L'auteur explique comment le phare fut construit.",
    "Este texto describe un faro.",
    "El autor explica cómo se construyó el faro.",
    "Este texto descreve um farol.",
    "Questo brano descrive un faro.",
    "Этот текст описывает маяк.",
    "Deze tekst beschrijft een vuurtoren.",
    "这段文字描述了一座灯塔。",
    "灯塔倒了。作者认为花岗岩更好。",
    "この文章は灯台について説明しています。",
    "이 글은 등대에 대해 설명한다.",
]


@pytest.mark.parametrize("text", COMMENTARIES)
def test_what_is_said_about_the_passage_is_refused(text):
    assert not is_kept(text)


ORDINARY = [
    REWRITE,
    "The author of the novel lived by the sea, and the author has said in an interview that the tower was real.",
    "The author makes a number of claims that the review finds too bold. She wrote to the author, who discusses ethics in her book.",
    "The passage of the ship through the reef took an hour. In the passage behind the kitchen hung a lamp.",
    "What makes this story remarkable is that the builder died in his own tower. What makes this lamp special is its lens.",
    "In this article, we will look at five towers. This article explains how to build one.",
    "The text box shows the name. The original text was written in Latin and is kept in the library.",
    "The following text is in the public domain. The above photo is by Anna.",
    "The speaker of the house emphasized the cost. The writer lived there for nine years. Reading the text aloud helps.",
    "The article said that the tower was lit in 1698. This document has been signed.",
    "Der Autor lebte am Meer. Dieser Artikel behandelt den Turm. Im Abschnitt der Küste steht er noch.",
    "L'auteur vivait au bord de la mer. El texto está en latín. 作者是英国人。筆を持つ。",
    "A text message describes the storm. Texts like these are rare.",
    "The text is carved in granite. The paragraph was struck out by the court. The passage was closed by ice until May.",
    "I removed the old lamp. I made the changes that the keeper had asked for. I have kept the letters.",
    "The original text was lost in the fire of 1703, and the revised text is kept in Plymouth.",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_prose_about_texts_and_authors_passes(text):
    assert is_kept(text)


def test_a_passage_that_speaks_of_itself_is_retold_in_its_words():
    text = "This passage discusses the reef, and the author argues for granite."
    assert is_kept(text, "In this passage the author, an engineer, looks at the reef.")
    assert not is_kept(text, "The author looks at the reef.")


def test_rules_can_be_skipped_and_added_and_some_allowed():
    assert is_kept("The author discusses towers.", skip=["author_discusses"])
    assert not is_kept("Dette er en tekst.", extra=[{"name": "danish", "where": "start", "pattern": "dette er en tekst"}])
    two = "The passage describes a reef. The author argues for granite."
    scores = Commentary("commentary", CommentarySettings(max=1))(batch([two, two[:29], None]))
    assert scores.scores["commentary"].tolist()[:2] == [2, 1]
    assert scores.keep.tolist() == [False, True, True]
    with pytest.raises(UserError, match="did you mean `author_discusses`"):
        validate(CommentarySettings, {"skip": ["author_discuss"]}, "filter.checks.commentary")


@pytest.mark.parametrize(
    ("recipe", "verdict"),
    [
        *[(name, "commentary") for name in ("wrap/easy", "nemotron/distill", "finephrase/tutorial", "chunkwise/rewrite", "style/transfer")],
        *[(name, "commentary") for name in ("mga/reformulate", "rewire/guided", "crossdoc/related", "textbook/web", "my/own")],
        *[(name, "keep") for name in ("wrap/qa", "entigraph/relations", "mind/debate", "active_reading/strategies", "instruction/expand")],
    ],
)
def test_it_binds_recipes_whose_texts_stand_alone(recipe, verdict):
    text = REWRITE + " The passage describes how each of them was built."
    assert build_cascade(Filter()).judge(batch([text], recipe=recipe))[0] == [verdict]


def test_names_of_rules_are_unique():
    names = [rule.name for rule in default_rules()]
    assert len(names) == len(set(names))
