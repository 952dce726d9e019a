"""Final answers by the marks that a prompt asked for, or by the words in which models say them all the same."""

from __future__ import annotations

import re
from itertools import chain

from rephrase.recipes.base import Parsed
from rephrase.verifiers.blocks import last_block
from rephrase.verifiers.evidence import LOOKED_AT, boxes, stated_answers

_BEGIN, _END = "<answer>", "</answer>"
_BARE_QUERY = re.compile(r"^(?:SELECT|WITH)\b[^;]*+", re.MULTILINE | re.IGNORECASE)


def final_answer_of(parsed: Parsed) -> Parsed:
    r"""The text up to its last `<answer>…</answer>`, which is told as a sentence or line of it, and the answer as the field `answer`.

    Without the tag it is the whole text, and the answer what stands in its last `\boxed{}` or is called the answer last.

    >>> final_answer_of(Parsed(text="2 and 3 make 5.\n<answer>5</answer> Good luck!"))
    Parsed(text='2 and 3 make 5.\n\nAnswer: 5', error=None, fields={'answer': '5'}, cut=False)
    """
    text = parsed.text
    if text is None:
        return parsed
    end = text.rfind(_END)
    begin = text.rfind(_BEGIN, 0, max(end, 0))
    if begin < 0:
        tail = text[-LOOKED_AT:]
        stated = next(chain(boxes(tail), stated_answers(tail)), None)
        return Parsed(text=text.strip(), fields={"answer": stated}) if stated else Parsed(error="parse:no_answer")
    answer = text[begin + len(_BEGIN) : end].strip()
    before = text[:begin].replace(_BEGIN, "").replace(_END, "").rstrip(" *`")
    if not answer:
        return Parsed(error="parse:no_answer")
    if not before.strip():
        return Parsed(text=f"Answer: {answer}", fields={"answer": answer})
    told = "\n\nAnswer:" if before.endswith("\n") else ""
    space = "\n" if "\n" in answer else " "
    return Parsed(text=f"{before.strip()}{told}{space}{answer}", fields={"answer": answer})


def final_query_of(parsed: Parsed) -> Parsed:
    """The text, and as the field `answer` its last block of SQL, or without any the last query that begins a line."""
    query = last_block(parsed.text or "", "sql")
    if query is None and (bare := _BARE_QUERY.findall(parsed.text or "")):
        query = bare[-1].strip()
    if parsed.text is None or query is None:
        return parsed if parsed.text is None else Parsed(error="parse:no_code")
    return Parsed(text=parsed.text, fields={"answer": query})
