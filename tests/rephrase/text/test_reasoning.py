from __future__ import annotations

import pytest

from rephrase.text.reasoning import split_reasoning, without_reasoning
from rephrase.text.reasoning_marks import opens_reasoning

SPELLINGS = [
    ("<think>", "</think>"),
    ("<THINK>", "</THINK>"),
    ("<thinking>", "</thinking>"),
    ("<Thought>", "</Thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<analysis>", "</analysis>"),
    ("<deep_think>", "</deep_think>"),
    ("<ant_thinking>", "</ant_thinking>"),
    ("<internal_thought>", "</internal_thought>"),
    ("<|thought_start|>", "<|thought_end|>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ('<think duration="3s">', "</think >"),
    ("&lt;think&gt;", "&lt;/think&gt;"),
    ("<|channel>thought", "<channel|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<start_thinking>", "<end_thinking>"),
    ("<thought-process>", "</thought-process>"),
    ("<Chain Of Thought>", "</Chain Of Thought>"),
    ("<scratch_pad>", "</scratch_pad>"),
    ("<｜think｜>", "<｜/think｜>"),
    ("<think>", "<\\think>"),
]


@pytest.mark.parametrize(("opening", "closing"), SPELLINGS)
def test_reasoning_is_cut_off_in_every_spelling(opening, closing):
    for opened in (False, None):
        assert without_reasoning(f"{opening}\nThe user wants …\n{closing}\n\nThe tide rises.", opened=opened) == "The tide rises."
        assert without_reasoning(f"\n{opening}\nThe user wants", opened=opened) == ""  # it does not end
    assert without_reasoning(f"The user wants …\n{closing}\n\nThe tide rises.", opened=None) == "The tide rises."
    assert without_reasoning(f"The user wants …\n{closing}\n\nThe tide rises.", opened=True) == "The tide rises."


@pytest.mark.parametrize(
    ("text", "opened", "answer"),
    [
        ("\n<think>\nhm</think>Yes </think> no", None, "Yes </think> no"),
        ("hm without end", True, ""),
        ("hm</think>\nYes", False, "hm</think>\nYes"),
        ("Use <think> and </think>", None, "Use <think> and </think>"),
        (" Yes", None, " Yes"),
        ("<think>a</think>\n<think>b</think>\nYes", False, "Yes"),
        ("<think>a</think>Yes.<think>b</think> No.", False, "Yes. No."),
        ("<think>a</think>Yes.\n<think>b", False, "Yes.\n"),
        ("<think>a <think>b</think> c</think>Yes", False, "Yes"),
        ("<think>I could write <think> here.</think>Yes", False, "Yes"),
        ("<think/>Yes", False, "Yes"),
        ("Yes.\n\n<thinking>\nMore?\n</thinking>\n", None, "Yes.\n\n\n"),
        ("Yes.\n\n<think>\nWas that all?", None, "Yes.\n\n"),
        ("\ufeff<think>a</think>\u200bYes", None, "Yes"),
        ("Assistant: <think>a</think>Yes", None, "Yes"),
        ("<|im_start|>assistant\n<think>a</think>\n\nModel trains", None, "Model trains"),
        ("Assistant professors <think>a</think> rarely", None, "Assistant professors <think>a</think> rarely"),
        ("Thinking...\na\n...done thinking.\n\nYes", None, "Yes"),
        ("[thinking] Well, the tide rises.", None, "[thinking] Well, the tide rises."),
        ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>Yes<|END_RESPONSE|>", None, "Yes"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Yes<|return|>", None, "Yes"),
        ("a<|end|><|start|>assistant<|channel|>final<|message|>Yes", True, "Yes"),
        ("<|channel|>analysis<|message|>a without end", None, ""),
        ("analysisWe need a text.assistantfinalYes", None, "Yes"),
        ("Analysis of the tide", None, "Analysis of the tide"),
    ],
)
def test_what_is_clearly_reasoning_goes_and_what_only_mentions_it_stays(text, opened, answer):
    assert without_reasoning(text, opened=opened) == answer


def test_prompts_that_end_inside_reasoning():
    assert opens_reasoning("<|assistant|>\n<think>\n")
    assert opens_reasoning("[INST]x[/INST][THINK]")
    assert not opens_reasoning("<think>\n\n</think>\n\n")
    assert not opens_reasoning("<|assistant|>\n")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit", ["<think>", "</think>", "x <think>", "\n<think>", "<think></think>", "<|channel|>final<|message|>", "<", " ", "\n"]
)
def test_marks_without_end_take_no_long_time(unit):
    for opened in (None, True):
        without_reasoning(unit * (200_000 // len(unit)), opened=opened)


@pytest.mark.parametrize(("opening", "closing"), SPELLINGS)
def test_what_is_cut_off_is_the_reasoning_without_its_marks(opening, closing):
    answer = "The tide rises."
    assert split_reasoning(f"{opening}\nThe user wants …\n{closing}\n\n{answer}", opened=False) == (answer, "The user wants …")
    assert split_reasoning(f"The user wants …\n{closing}\n\n{answer}", opened=True) == (answer, "The user wants …")
    assert split_reasoning(f"\n{opening}\nThe user wants", opened=None) == ("", "The user wants")
    assert split_reasoning(f"{opening}\n\n{closing}\n\n{answer}", opened=False) == (answer, None)


@pytest.mark.parametrize(
    ("text", "opened", "reasoning"),
    [
        ("Yes", False, None),
        ("hm without end", True, "hm without end"),
        ("", True, None),
        ("Use <think> and </think>", None, None),
        ("<think>a</think>\n<think>b</think>\nYes", False, "a\n\nb"),
        ("<think>a</think>Yes.\n<think>b", False, "a\n\nb"),
        ("<think>a <think>b</think> c</think>Yes", False, "a <think>b</think> c"),
        ("<think>I could write <think> here.</think>Yes", False, "I could write <think> here."),
        ("<think/>Yes", False, None),
        ("Here is my thought process: hm. Here is my response: Yes", False, "hm."),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Yes<|return|>", None, "a"),
        (
            "<|channel|>analysis<|message|>a<|end|><|channel|>commentary<|message|>b<|end|><|channel|>final<|message|>Yes",
            None,
            "a\n\nb",
        ),
        ("a<|end|><|start|>assistant<|channel|>final<|message|>Yes", True, "a"),
        ("<|channel|>analysis<|message|>a without end", None, "a without end"),
        ("analysisWe need a text.assistantfinalYes", None, "We need a text."),
        ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>Yes<|END_RESPONSE|>", None, "a"),
    ],
)
def test_reasoning_is_all_that_was_cut_off(text, opened, reasoning):
    assert split_reasoning(text, opened=opened)[1] == reasoning
    assert split_reasoning(text, opened=opened)[0] == without_reasoning(text, opened=opened)
