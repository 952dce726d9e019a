"""Prose, and what assistants say around it."""

from __future__ import annotations

import pytest

from rephrase.recipes.parsers import PARSERS, parser_of
from rephrase.recipes.parsing.common import Context

TEXT = "Tides rise and fall. The Moon pulls them."


def parse(name: str, completion: str, tokenizer, passage: str = "", /, **settings):
    return parser_of(name, settings, "test")(completion, Context(tokenizer, {"passage": passage}))


@pytest.mark.parametrize(
    "lead_in",
    [
        "Sure, here's a paraphrase:",
        "Sure! Here's the rewritten text:",
        "Sure!",
        "Certainly!",
        "Certainly! Below is a simplified version of the passage:",
        "Of course! I'd be happy to help.",
        "Okay, here is the text rewritten in plain English:",
        "Absolutely! Here’s a version in a high-quality style:",
        "Sure, I can help with that! Here is a paraphrase:",
        "Here is the rewritten text:",
        "Here is the rewritten passage.",
        "**Here is the rewritten text:**",
        "Here's my paraphrase:",
        "As requested, here is the rewritten passage:",
        "I've rewritten the passage as follows:",
        "**Paraphrase:**",
        "*Paraphrase:*",
        "## Paraphrase",
        "### Rewritten Text",
        "Paraphrased text:",
        "The rewritten text:",
        "Simplified version:",
        "Sure!\n\nHere is the paraphrase:\n\n**Paraphrase:**",
        "Here you go!",
        "I'd be happy to help! Here's the paraphrase:",
        "Let me rewrite this passage for you:",
        "Here is a paraphrase of the text:\n\n---",
        "Hier ist die umformulierte Fassung:",
        "Natürlich! Hier ist der Text:",
        "¡Claro! Aquí tienes el texto:",
        "Voici le texte reformulé :",
        "Bien sûr ! Voici une version :",
        "Ecco il testo riscritto:",
        "Claro! Aqui está o texto:",
        "Конечно! Вот текст:",
        "以下是改写后的文本：",
        "当然！以下是改写后的版本：",
        "もちろん！以下は書き直した文章です：",
        "다음은 바꿔 쓴 글입니다:",
        "Passage:",
        "**Passage:**",
        "Output:",
        "Sure thing 😊 Here's a paraphrase:",
        "The passage is:",
        "The corrected passage:",
        "Here's a rewritten version of the passage with the original sentence corrected:",
    ],
)
def test_lead_ins_are_cut_off(lead_in, tokenizer):
    assert parse("paraphrase", f"{lead_in}\n\n{TEXT}", tokenizer).text == TEXT


@pytest.mark.parametrize(
    "lead_in",
    ["Sure, here's a paraphrase:", "**Paraphrase:**", "**Rewritten text**:", "Here is a paraphrase of the passage:", "Rewritten version:"],
)
def test_a_lead_in_may_stand_on_the_line_of_the_text(lead_in, tokenizer):
    assert parse("paraphrase", f"{lead_in} {TEXT}", tokenizer).text == TEXT


@pytest.mark.parametrize(
    "epilogue",
    [
        "Let me know if you need more.",
        "I hope this helps! Let me know if you'd like changes.",
        "---\n\nFeel free to ask for changes!",
        "**Let me know if you need anything else!**",
        "Would you like me to make it shorter?",
        "Ich hoffe, das hilft!",
        "希望这对你有帮助！",
        "Note: I kept the facts of the original passage.",
        "(Note: This paraphrase keeps the meaning of the original.)",
        "If you need anything else, just ask!",
        "Would you like another version?",
    ],
)
def test_offers_at_the_end_are_cut_off(epilogue, tokenizer):
    assert parse("paraphrase", f"{TEXT}\n\n{epilogue}", tokenizer).text == TEXT
    assert parse("marked", f"Rewritten text: {TEXT}\n\n{epilogue}", tokenizer, marker="Rewritten text:").text == TEXT


@pytest.mark.parametrize(
    "prose",
    [
        "Of course the tide rises. It does.",
        "Great tides rise.\nThey fall.",
        "Certainly, the Moon pulls at the sea.\n\nIt rises.",
        "Here are three tides: high, low, neap.",
        "Rewritten in 1820, the treaty held: peace.",
        "A paraphrase is a restatement.\n\nIt helps.",
        "This is the rewritten constitution of 1820, and it held.\nMore.",
        "Claro que la marea sube.\nBaja.",
        "Great!",
        "Rewriting: the craft of editing\n\nIt is hard.",
        "Tides.\n\nLet me know if the moon is up, she said.",
        "He asked.\n\nIs there anything else in the cave?",
        "Tides.\n\nFeel free to roam the park.",
    ],
)
def test_prose_that_begins_alike_stays(prose, tokenizer):
    assert parse("paraphrase", prose, tokenizer).text == prose


def test_the_first_and_last_words_of_the_passage_stay(tokenizer):
    rivers = "Below is a list of the rivers:\n\n- Rhine\n- Elbe"
    assert parse("paraphrase", rivers, tokenizer, "Below is a list of the rivers: Rhine, Elbe.").text == rivers
    letter = "The harbour is open.\nLet me know if you can come."
    assert parse("paraphrase", letter, tokenizer, "Let me know if you can come to the harbour.").text == letter


@pytest.mark.parametrize(
    "completion",
    [
        f"Rewritten text: {TEXT}",
        f"**Rewritten text:** {TEXT}",
        f"**Rewritten text**:\n\n{TEXT}",
        f"Rewritten Text： {TEXT}",
        f"## Rewritten text\n\n{TEXT}",
        f'Rewritten text: "{TEXT}"',
    ],
)
def test_a_marker_is_a_label(completion, tokenizer):
    assert parse("marked", completion, tokenizer, marker="Rewritten text:").text == TEXT


@pytest.mark.parametrize(
    ("completion", "content"),
    [
        ("<instruction>Explain.</instruction>", "Explain."),
        ('<Instruction lang="en">Explain.</Instruction >', "Explain."),
        ("<instruction>First.</instruction> or <instruction>Explain.</instruction>", "Explain."),
        ("<instruction>" * 20_000, None),
    ],
)
def test_tags(completion, content, tokenizer):
    assert parse("tag", completion, tokenizer, name="instruction").text == content


def test_a_program_of_edits_may_stand_in_a_fence_below_words(tokenizer):
    completion = 'Here is the program:\n```python\n# typography\nnormalize("tide", "sea")\n```'
    assert parse("edits", completion, tokenizer, "The tide rises.").text == "The sea rises."


AWKWARD = [*' \n\t*_#`[{"\\-.7\u00a0。<|:(a', " \n", "a b ", "* ", "1. "]
SETTINGS = {
    "marked": {"marker": "Rewritten text:"},
    "objects": {"fields": ["genre"]},
    "tag": {"name": "x"},
    "sections": {"fields": ["question", "answer"]},
    "label": {"labels": ["yes", "no"]},
    "verdicts": {"of": "passage", "labels": ["kept", "lost"]},
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", sorted(PARSERS))
def test_awkward_characters_without_end_take_no_long_time(name, tokenizer):
    for unit in AWKWARD:
        for lead in ("", "Answer: a"):
            parse(name, f"{lead}{unit * (199_000 // len(unit))}b", tokenizer, "The tide rises.", **SETTINGS.get(name, {}))
