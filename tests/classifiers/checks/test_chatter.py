from __future__ import annotations

import pytest

from classifiers.checks.chatter import Chatter, ChatterSettings, default_rules
from rephrase.errors import UserError
from rephrase.settings.validation import validate
from tests.classifiers.batches import REWRITE, batch


def fired(text: str, source: str = "A passage about something else.", **settings: object) -> list[str]:
    """The kinds of the rules that found something."""
    result = Chatter("chatter", ChatterSettings(**settings))(batch([text], source))
    found = [name.removeprefix("chatter.") for name, values in result.scores.items() if values[0]]
    assert bool(result.keep[0]) == (not found)
    return found


OPENINGS = [
    "Sure, here is the text in simpler words:",
    "Sure! Here's a paraphrase:",
    "Certainly! Below is the conversation:",
    "Of course, I'd be happy to help you rewrite this.",
    "Here is a paraphrase of the passage in high-quality English:",
    "Here's a simplified version of the passage:",
    "**Here is the rewritten text:**",
    "Below is a rewritten version of the passage.",
    "Here is the passage rewritten for a toddler:",
    "Here is a conversation between two professors about the given text:",
    "Here are some questions and answers based on the passage provided:",
    "As requested, the passage in plain words.",
    "Thank you for providing the text.",
]
REFUSALS = [
    "I cannot fulfill this request.",
    "I'm sorry, but I can't assist with that.",
    "I’m sorry, but I cannot rewrite this text as it holds personal data.",
    "I am unable to help. As an AI language model, I do not have access to the passage.",
    "As an AI language model, I cannot provide medical advice.",
    "As an AI developed by a lab, I cannot say more.",
    "Als KI-Sprachmodell kann ich dazu nichts sagen.",
    "En tant que modèle de langage, je ne peux pas.",
    "Como modelo de lenguaje, no puedo hacerlo.",
    "Como uma inteligência artificial, não posso.",
    "作为一个人工智能语言模型，我不能这样做。",
    "AI言語モデルとして、お答えできません。",
    "Как языковая модель, я не могу этого сделать.",
    "I apologize, but the text provided is incomplete.",
    "Unfortunately, I am unable to complete this request.",
    "It seems the passage is cut off, so nothing can be said.",
    "Please provide the text that you would like me to rephrase.",
]
CLOSINGS = [
    "I hope this helps!",
    "Let me know if you would like any changes.",
    "Please let me know if you need further assistance.",
    "Would you like me to make it shorter?",
    "Is there anything else I can do?",
    "Note: I have kept the names as they are.",
    "(Note that I've simplified the last sentence.)",
    "Note: This is a simplified version of the text.",
    "Word count: 120",
]
LEAKS = [
    "Paraphrase:\nThe tower fell.",
    "**Rewritten passage:** The tower fell.",
    "Simplified version:\nThe tower fell.",
    "### Instruction:\nRewrite the passage in plain words.",
    "The tower fell.<|im_end|>",
    "[INST] The tower fell. [/INST]",
    "<think> The tower fell.",
    "The tower fell. The text has been rewritten in simple words.",
    "The tower fell. I have paraphrased the passage to be easy to read.",
]
REASONING = [
    "<think>The reader is a child.</think> The tower fell.",
    "<thinking>short words</thinking>The tower fell.",
    "<THINK>",
    "< think > The tower fell.",
    '<think lang="en">',
    "&lt;think&gt; The tower fell.",
    "＜think＞",
    "The tower fell.\n</think>\n\nThe tower fell.",
    "The tower fell. </reasoning> The tower fell.",
    "<thought>\nshort words\n</thought>The tower fell.",
    "<reasoning>short words",
    "[THINK]short words[/THINK]The tower fell.",
    "◁think▷short words◁/think▷The tower fell.",
    "<seed:think>short words</seed:think>The tower fell.",
    "<|channel|>analysis<|message|>short words<|end|>",
    "<|channel>thought\nshort words<channel|>The tower fell.",
    "analysisThe user wants short words.assistantfinalThe tower fell.",
    "The tower fell, as was said.assistantfinalThe tower fell.",
    "Thinking...\nshort words\n...done thinking.\n\nThe tower fell.",
    "<｜Assistant｜>The tower fell.",
    "Here's my thought process: short words.",
    "**Thinking Process:**\n\n1. Read the passage.",
    "Okay, so the user wants me to rewrite this passage for a child. The tower",
    "Okay, I need to rewrite the passage in short words.",
    "Hmm, the user has given me a long passage about towers.",
    "Alright, let's tackle this rewrite. The passage is about a tower.",
    "The user wants a paraphrase of the passage.",
    "So the user provided a text about towers and I",
    "First, I need to understand the passage that was given.",
    "We need to rewrite the passage in plain words.",
    "The tower fell in 1703. Wait, the user wants short words.",
    "好的，用户希望我改写这段文字。",
    "Okay, der Benutzer möchte, dass ich den Text umschreibe.",
    "D'accord, l'utilisateur veut que je reformule le texte.",
    "Vale, el usuario quiere que reescriba el texto.",
    "Хорошо, пользователь просит меня перефразировать текст.",
    "ユーザーは文章を書き換えることを求めています。",
]


@pytest.mark.parametrize("reasoning", REASONING)
def test_reasoning_in_any_spelling(reasoning):
    assert "leak" in fired(reasoning)


@pytest.mark.parametrize("opening", OPENINGS)
def test_openings(opening):
    assert "opening" in fired(f"{opening}\n\n{REWRITE}")


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refusals(refusal):
    assert "refusal" in fired(refusal)


@pytest.mark.parametrize("closing", CLOSINGS)
def test_closings(closing):
    assert "closing" in fired(f"{REWRITE}\n\n{closing}")


@pytest.mark.parametrize("leak", LEAKS)
def test_leaks(leak):
    assert "leak" in fired(leak)


ORDINARY = [
    REWRITE,
    '"I\'m sorry I\'m late," said Anna. "The bus did not come, and I cannot say I like walking in this rain."',
    "\"I'm sorry, but I can't help you with that request,\" said the clerk, and shut the window.",
    "“Sure, here is your change,” the baker said. “I hope this helps.”",
    "I'm sorry, but I can't stand pineapple on pizza, and no argument has ever moved me.",
    "I cannot write about my father without thinking of the sea.",
    "I can't help thinking that the harbour was busier when we were young.",
    "Of course, I will never forget the summer when the tower was struck by lightning.",
    "Sure enough, the lamp was out again by morning, and the keepers rowed over to see to it.",
    "Certainly the most famous of these towers stands on a reef south of Plymouth.",
    "Here is where the trail begins. Here are the things to bring: water, a map and a warm coat.",
    "Here is how genes are rewritten by an enzyme that bacteria use against viruses.",
    "Here are five questions that readers ask about compost, with answers from our gardeners.",
    "Large language models are trained on text. As an AI system grows, it needs more data, and as an AI researcher, Chen knows the cost.",
    "Language models often refuse: asked for advice, ChatGPT answered that it was only an AI and could not help with the request.",
    "Als Sprachmodell dient ein Netz. Comme une IA qui apprend, l'enfant lit. Como modelo de lenguaje se usó el latín.",
    "作为一个老师，我喜欢灯塔。AI と言語モデルの歴史。",
    "The assistant's reply began with “As an AI language model, I cannot”, which readers found funny.",
    "Note: the ferry does not run in winter. Note that I-95 is closed.",
    "The poem has been rewritten many times. The document has been signed.",
    "**Teacher:** Let me know if the tide table puzzles you.\n\n**Student:** I will. Sure, here is what I have: two high waters a day.",
    "Question: What is a paraphrase?\nAnswer: A paraphrase says the same in other words.",
    "Output is counted in tonnes. The original text is kept in the library: a roll of nine metres.",
    "Please provide two copies of the form and the receipt. Would you like me to come along? she had asked.",
    "I hope this letter finds you well. The roof is mended and the goats are back.",
    "If a < b and b < c then a < c; see [instructions] in the annex.",
    "The user wants to log in, so the server sends a form. The user asked for a refund and got it.",
    "The user needs to enter text into the box below the document.",
    "We need to rewrite the equation before we solve it. I need to write the list of guests.",
    "Let me think. If the ship leaves at noon, it is there at four. Let's break it down into steps: first the distance.",
    "[thinking] ANNA: Wait, I need my coat. (thinks) The reasoning is sound.",
    "A SOAP fault has a <reason> element, and the feed a <channel> one.",
    "Critical thinking: a guide for teachers. Analysis of the user interface follows.",
    "L'utilisateur peut résumer un document en un clic. Der Benutzer gibt ein Passwort ein.",
    "用户可以在设置中修改密码。我需要一把雨伞。",
    "Okay, the storm is over, and the keepers row back. Hmm, said the boy.",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_pass(text):
    assert fired(text) == []


def test_a_phrase_of_the_source_is_the_documents_own():
    text = "A chat template marks the end of a turn with <|im_end|> so that the model knows when to stop."
    assert fired(text, "Templates put <|im_end|> after each turn.") == []
    assert fired(text, "Templates mark turns.") == ["leak"]
    assert fired(text + " [INST]", "Templates put <|im_end|> after each turn.") == ["leak"]


def test_rules_can_be_skipped_and_added():
    assert fired(f"{REWRITE} I hope this helps!", skip=["hope_helps"]) == []
    extra = [{"name": "german", "kind": "opening", "where": "start", "pattern": "gerne, hier ist"}]
    assert fired("Gerne, hier ist der Text: Der Turm fiel.", extra=extra) == ["opening"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"skip": ["hope_help"]}, "did you mean `hope_helps`"),
        ({"extra": [{"name": "x", "kind": "leak", "where": "line", "pattern": "(a"}]}, "not a regular expression"),
        ({"extra": [{"name": "x", "kind": "leak", "where": "line", "pattern": "(a)"}]}, "write groups as"),
        ({"extras": []}, "did you mean `extra`"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        validate(ChatterSettings, settings, "filter.checks.chatter")


def test_names_of_rules_are_unique():
    names = [rule.name for rule in default_rules()]
    assert len(names) == len(set(names))
