"""Every step of every recipe on a good, a malformed, a truncated and three hostile completions, with the outcome that the rules give.

The outcome is the parser's error, or else the verdict of the filter's checks on refusals, on how a completion ended, on the recipe's own
prompt and on the document's language; "on" is what goes on to a later step.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest

from classifiers.cascade import Cascade, build_cascade
from classifiers.settings import filter_of
from rephrase.recipes.base import Recipe
from rephrase.recipes.catalogue import catalogue, recipes_of
from rephrase.recipes.long.counting import words_of
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document
from tests.classifiers.batches import batch
from tests.rephrase.recipes.long.texts import chronicle
from tests.rephrase.recipes.play import Played, Script, cut, play
from tests.rephrase.recipes.tool_calls import FUNCTIONS, sample_of, valid_call

PASSAGE = (
    "The tide rises twice a day because the Moon pulls the sea. Sailors in the harbour wait for high water before they leave for Iceland. "
    "Where the bay is narrow, the water climbs by twelve metres, and mills once ground corn with it when it fell again. "
)
ENGLISH = (
    "The sea comes up and goes down two times each day, since the Moon draws it, and boats wait for deep water before they go out. " * 4
)
GERMAN = (
    "Das Meer steigt und fällt zweimal am Tag, weil der Mond daran zieht, und die Schiffe warten auf das hohe Wasser, ehe sie fahren. " * 4
)
LONG = chronicle(30)
REFUSAL = "I'm sorry, but I cannot help with that."

QUERY = next(iter(catalogue()["procedural/sql"].rows.documents())).metadata["answer"]  # right for the row that is played

TOOLS = {
    "tools/calls": {"kinds": {"none_fits": 1}},
    "tools/from_document": {"kinds": {"none_fits": 1}},
    "tools/dialogue": {"kinds": {"single": 1}},
}
[DIALOGUE] = recipes_of([RecipeUse(use="tools/dialogue", options=TOOLS["tools/dialogue"])])
CALLED = next(iter(DIALOGUE.rows.documents())).metadata["wanted"]

Shape = Callable[[str], "str | list[str]"]  # a list where the step has several prompts, which need different answers


def turns(text: str) -> str:
    half = text[: len(text) // 2]
    return f"Anna: {half}\n\nBen: {half}\n\nAnna: {text[len(half) :]}"


def pairs(text: str) -> str:
    return f"Question: What does it say?\nAnswer: {text}"


def plainly(text: str) -> str:
    return text


def after(words: str) -> Shape:
    return lambda text: f"{words}{text}"


def before(words: str) -> Shape:
    return lambda text: f"{text}\n{words}"


def tagged(name: str) -> Shape:
    return lambda text: f"<{name}>{text}</{name}>"


def graded(text: str) -> list[str]:
    aspects = ("instruction_following", "truthfulness", "honesty", "helpfulness")
    return [json.dumps(dict.fromkeys(aspects, grade) | {"why": text}) for grade in (2, 5, 3, 4)]


def compared(text: str) -> list[str]:
    return [f"{text}\nBetter: {'first' if one < other else 'second'}" for one, other in itertools.permutations(range(4), 2)]


def listed(text: str) -> str:
    return f"9. {' '.join(text.split('.', maxsplit=1)[0].split())}."


def program(_: str) -> str:
    return "```python\ndef f():\n    pens = 3\n    return pens * 4\n```"


def coded(text: str) -> str:
    return f'Improved code:\n```python\ndef tide():\n    """\n{text}\n    """\n    return 2\n```'


def untagged(text: str) -> str:
    return coded(text).replace("python", "")


def reviewed(text: str) -> str:
    third = len(text) // 3
    return f"Reviewer: {text[:third]}\n\nAuthor: {text[third : 2 * third]}\n\nReviewer: {text[2 * third :]}\n\nAuthor: {text}"


def solved(text: str) -> str:
    return f"{coded(text)}\n```python\nassert tide() == 2\n```"


def steps(text: str) -> str:
    return f"Task: How often does it rise?\nApproach: Count.\nSolution: {text}\nAnswer: twice"


def in_tests(text: str) -> str:
    return f'```python\ndef test_double():\n    """\n{text}\n    """\n    assert [double(n) for n in (0, 1, 3)] == [0, 2, 6]\n```'


def choosing(text: str) -> str:
    return f"Question: {text}\nA. the sea\nB. the sky\nC. the wind\nD. a bay\nAnswer: B"


def unserved(text: str) -> str:
    return json.dumps({"calls": [], "reply": text})


def called(_: str) -> str:
    return json.dumps({"calls": [valid_call(CALLED)], "reply": ""})


def given(_: str) -> str:
    return json.dumps({"call_1": sample_of(json.loads(FUNCTIONS[CALLED].result))})


def of_several(text: str) -> str:
    return f"Question: {text}\nSteps: One leads to the other.\nAnswer: hot springs"


def alpaca(text: str) -> str:
    return f"4. Instruction: Explain to sailors how the tide works.\n4. Input:\n<noinput>\n4. Output:\n{text}\n###"


def evident(text: str) -> str:
    quotes = {"first_quote": "the Moon pulls the sea", "second_quote": "mills once ground corn"}
    return json.dumps({"questions": [{"question": "What moved the mills?", "answer": text, **quotes}]})


def counting(text: str) -> str:
    words = " ".join(sorted(set(words_of(LONG))))
    return "\n".join(f"{number}. {' '.join(text.split())} Which of {words}?" for number in range(1, 6))


# Recipe and step, the form of a good completion around its text, and a malformed completion.
FORMS: list[tuple[str, str, Shape, str]] = [
    ("wrap/qa", "*", pairs, "Just prose."),
    ("wrap/*", "*", plainly, ""),
    ("mind/*", "*", turns, ENGLISH),
    ("nemotron/wikipedia", "*", after("Rewritten text: "), ENGLISH),
    ("nemotron/diverse_qa", "*", pairs, ENGLISH),
    ("nemotron/distill", "*", after("Paraphrased text: "), ENGLISH),
    ("nemotron/extract_knowledge", "*", plainly, "Passage: the tide"),
    ("nemotron/knowledge_list", "*", after("- "), "The facts:"),
    ("finephrase/*", "*", plainly, "Short."),
    ("math/mind_*", "*", turns, ENGLISH),
    ("math/solution_steps", "*", steps, ENGLISH),
    ("math/qa", "*", pairs, ENGLISH),
    ("math/*", "*", plainly, "Short."),
    ("rewire/*", "*", tagged("rewritten"), f"<rewritten>{ENGLISH}"),
    ("mga/*", "propose", lambda text: json.dumps([{"genre": "tale", "audience": text}]), "tale, children"),
    ("mga/*", "reformulate", plainly, ""),
    ("mga/*", "judge", before("Score: 4"), "Score: 9"),
    ("active_reading/*", "strategies", after("## "), "Read it twice."),
    ("active_reading/*", "study", plainly, "Short."),
    ("crossdoc/qa", "*", pairs, ENGLISH),
    ("crossdoc/related", "*", plainly, ""),
    ("prox/document", "*", lambda _: "keep_doc()", "keep the document"),
    ("prox/chunk", "*", lambda _: 'normalize("twelve", "12")', "remove_lines(0, x)"),
    ("style/*", "*", plainly, ""),
    ("backtranslation/*", "out", plainly, ""),
    ("backtranslation/*", "back", plainly, ""),
    ("domain_qa/*", "*", pairs, "Question: What?"),
    ("code_qa/*", "ask", pairs, "Answer: two"),
    ("code_qa/*", "revise", plainly, ""),
    ("code/style", "*", coded, "return 2"),
    ("code/self_contained", "*", coded, "```python\n```"),
    ("code/translate", "*", untagged, "fn tide() -> i32 { 2 }"),
    ("code/review", "*", reviewed, turns(ENGLISH)),
    ("code/explain", "*", plainly, "Short."),
    ("code/textbook", "*", plainly, "Short."),
    ("code/concepts", "problem", after("Problem: "), ENGLISH),
    ("code/concepts", "solve", solved, coded(ENGLISH)),
    ("code/tests", "*", in_tests, "assert double(2) == 4"),
    ("instruction/backtranslation", "instruction", tagged("instruction"), "Explain the sea."),
    ("instruction/backtranslation", "grade", before("Score: 5"), "Score: 4"),
    ("instruction/reverse", "*", tagged("instruction"), "Explain the sea."),
    ("instruction/expand", "variations", listed, "Explain the sea."),
    ("instruction/expand", "answer", plainly, ""),
    ("instruction/skillmix", "*", lambda text: f"Task: Explain the tide.\nAnswer: {text}", "Answer: none"),
    ("instruction/constitutional", "answer", plainly, ""),
    ("instruction/constitutional", "critique", plainly, ""),
    ("instruction/templates", "*", lambda text: f"Instruction: Explain the tide.\nAnswer: {text}", "Answer: none"),
    ("instruction/*", "*", plainly, ""),
    ("seeded/reading_comprehension", "*", pairs, ENGLISH),
    ("seeded/*", "*", choosing, pairs(ENGLISH)),
    ("textbook/exercise", "*", lambda text: f"Exercise: Why does it rise?\nSolution: {text}", "Solution: none"),
    ("textbook/*", "*", plainly, "Short."),
    ("tinystories/*", "*", plainly, "Short."),
    ("persona/math", "problem", after("Math problem: "), ENGLISH),
    ("persona/math", "solution", plainly, ""),
    ("persona/instruction", "request", after("User prompt: "), ENGLISH),
    ("persona/instruction", "answer", plainly, ""),
    ("persona/knowledge", "*", after("Article: "), ENGLISH),
    ("thinking/rqa", "question", tagged("question"), ENGLISH),
    ("thinking/errors", "attempt", before("#### 7"), "It is some number."),
    ("thinking/errors", "repair", lambda text: f"Mistake: It adds.\nSolution: {text}\n#### 12", "Mistake: It adds.\n#### 12"),
    ("thinking/*", "*", plainly, ""),
    ("long/qa", "ask", evident, '{"questions": []}'),
    ("long/qa", "check", lambda _: "Yes.", "Perhaps."),
    ("long/aggregate", "*", counting, "How often?"),
    ("long/*", "*", plainly, ""),
    ("label/educational", "*", before("Score: 3"), "Score: 7"),
    ("label/faithful", "points", listed, "A text on tides."),
    ("label/faithful", "compare", lambda _: "1. kept", "2. kept"),
    ("label/math", "*", lambda _: "yes", "perhaps"),
    ("label/topic", "*", before("Travel & Tourism"), "Software or Games"),
    ("label/format", "*", before("Spam / Ads"), "A page of some kind."),
    ("entigraph/*", "entities", lambda text: json.dumps({"summary": text, "entities": ["Moon", "sea", "bay"]}), '{"summary": "x"}'),
    ("entigraph/*", "relations", plainly, ""),
    ("chunkwise/*", "rewrite", plainly, ""),
    ("chunkwise/*", "fidelity", before("Faithful: yes"), "Faithful: perhaps"),
    ("translate/*", "*", plainly, f"{ENGLISH}\nA note."),
    ("self_instruct/*", "round*", listed, "Explain the sea."),
    ("self_instruct/*", "kind", before("Classification: no"), "Classification: perhaps"),
    ("self_instruct/*", "instances", lambda text: f"Input: none\nOutput: {text}", "Output: first"),
    ("alpaca/*", "*", alpaca, "4. Instruction: Explain.\n4. Output: It."),
    ("evol/*", "evolve*", plainly, ""),
    ("evol/*", "gain*", before("Different"), "Perhaps"),
    ("evol/*", "answer*", plainly, "It is of the."),
    ("preference/*", "answers", plainly, ""),
    ("preference/grades", "judge", graded, '{"truthfulness": 4}'),
    ("preference/pairs", "judge", compared, "Both are good."),
    ("verified/python", "*", before("```python\ndef f(x):\n    return x * 4\n```"), "def f(x): return x * 4 +"),
    ("verified/choice", "*", before("The answer is (B)."), "It may be either."),
    ("verified/command", "*", before("#### 12"), "It is some number."),
    ("verified/*", "*", before("#### 12"), "It is some number."),
    ("procedural/sql", "*", before(f"```sql\n{QUERY}\n```"), "```sql\nSELECT 1\n```"),
    ("procedural/*", "*", before("<answer>10</answer>"), "<answer>12</answer>"),
    ("tools/*", "request", after("Request: "), ENGLISH),
    ("tools/dialogue", "call", called, '{"calls": [{"name": "fly", "arguments": {}}]}'),
    ("tools/dialogue", "result", given, '{"call_1": 7}'),
    ("tools/dialogue", "answer", before("It is thing 0, or 5.5."), "It is so."),
    ("tools/*", "call", unserved, '{"calls": [{"name": "fly", "arguments": {}}]}'),
    ("graph/multihop", "question", of_several, "Question: What?\nSteps: None.\nAnswer: Iceland"),
    ("tinygsm/*", "program", program, "pens = 3\nprint(pens)"),
    ("tinygsm/*", "conversation", lambda text: turns(f"12 {text} 12"), ENGLISH),
]

# Recipe and step; the outcomes of the good completion, the malformed one, the good one cut, a refusal, and the good form around the
# recipe's own prompt and around German.
OUTCOMES = """
wrap/qa                     *            keep      parse:no_questions finished        parse:no_questions leaked   language
wrap/*                      *            keep      parse:empty        finished        chatter            rejected:flagged language
mind/*                      *            keep      parse:no_dialogue  finished        parse:no_dialogue  leaked   language
nemotron/wikipedia          *            keep      parse:no_marker    parse:truncated parse:no_marker    chatter  language
nemotron/diverse_qa         *            keep      parse:no_questions parse:truncated parse:no_questions leaked   language
nemotron/distill            *            keep      parse:no_marker    parse:truncated parse:no_marker    chatter  language
nemotron/extract_knowledge  *            keep      parse:empty        parse:truncated parse:too_short    leaked   language
nemotron/knowledge_list     *            keep      parse:empty        parse:truncated parse:empty        leaked   language
math/mind_*                 *            keep      parse:no_dialogue  parse:truncated parse:no_dialogue  leaked   language
math/solution_steps         *            keep      parse:no_task      parse:truncated parse:no_task      leaked   language
math/qa                     extract      on        parse:no_questions parse:truncated parse:no_questions on       on
math/qa                     refine       keep      parse:no_questions parse:truncated parse:no_questions leaked   language
math/clean                  *            keep      parse:too_short    parse:truncated parse:too_short    rejected:flagged language
math/tutor                  *            keep      parse:too_short    parse:truncated chatter            leaked   language
math/*                      *            keep      parse:too_short    parse:truncated parse:too_short    leaked   language
finephrase/*                *            keep      parse:too_short    finished        parse:too_short    leaked   language
rewire/*                    *            keep      parse:no_tag       parse:truncated parse:no_tag       leaked   language
mga/*                       propose      on parse:json         parse:truncated parse:json         on on
mga/*                       reformulate  on parse:empty        parse:truncated on          on on
mga/*                       judge        keep      parse:no_score     parse:truncated parse:no_score     keep     keep
active_reading/*            strategies   on parse:no_items     parse:truncated parse:no_items     on on
active_reading/*            study        keep      parse:too_short    finished        parse:too_short    leaked   language
crossdoc/qa                 *            keep      parse:no_questions finished        parse:no_questions leaked   language
crossdoc/related            *            keep      parse:empty        finished        chatter            leaked   language
prox/document               *            keep      parse:program      parse:truncated parse:program      keep     keep
prox/chunk                  *            keep      parse:program      parse:truncated parse:program      keep     keep
style/*                     *            keep      parse:empty        finished        chatter            leaked   language
backtranslation/*           out          on parse:empty        parse:truncated on          on on
backtranslation/*           back         keep      parse:empty        parse:truncated chatter            leaked   language
domain_qa/*                 *            keep      parse:no_questions finished        parse:no_questions leaked   language
code_qa/*                   ask          on parse:no_question  parse:truncated parse:no_question  on on
code_qa/*                   revise       keep      parse:empty        finished        keep               leaked   language
code/self_contained         style        on        parse:no_code      parse:truncated parse:no_code      on       on
code/concepts               problem      on        parse:no_problem   parse:truncated parse:no_problem   on       on
code/concepts               solve        keep      parse:no_tests     parse:truncated parse:no_code      leaked   language
code/review                 *            keep      parse:no_dialogue  parse:truncated parse:no_dialogue  leaked   language
code/explain                *            keep      parse:too_short    parse:truncated parse:too_short    leaked   language
code/textbook               *            keep      parse:too_short    parse:truncated parse:too_short    leaked   language
code/*                      *            keep      parse:no_code      parse:truncated parse:no_code      leaked   language
instruction/backtranslation instruction  on parse:no_tag       parse:truncated parse:no_tag       on on
instruction/backtranslation grade        keep      rejected:score     parse:truncated parse:no_score     keep     keep
instruction/reverse         *            keep      parse:no_tag       finished        parse:no_tag       leaked   language
instruction/expand          variations   on parse:no_items     parse:truncated parse:no_items     on on
instruction/expand          answer       keep      parse:empty        finished        keep               leaked   language
instruction/skillmix        *            keep      parse:no_task      finished        parse:no_task      leaked   language
instruction/constitutional  answer       on parse:empty        parse:truncated on          on on
instruction/constitutional  critique     on parse:empty        parse:truncated on          on on
instruction/templates       *            keep      parse:no_instruction parse:truncated parse:no_instruction rejected:no_excerpt language
seeded/reading_comprehension *          keep      parse:no_questions parse:truncated parse:no_questions parse:answer language
seeded/*                    *            keep      parse:choices      parse:truncated parse:no_questions leaked language
instruction/*               *            keep      parse:empty        finished        keep               leaked   language
textbook/exercise           *            keep      parse:no_exercise  finished        parse:no_exercise  leaked   language
textbook/*                  *            keep      parse:too_short    finished        parse:too_short    leaked   language
tinystories/*               *            keep      parse:too_short    parse:truncated parse:too_short    leaked   language
persona/math                problem      on parse:no_marker    parse:truncated parse:no_marker    on on
persona/math                solution     keep      parse:empty        finished        keep               leaked   language
persona/instruction         request      on parse:no_marker    parse:truncated parse:no_marker    on on
persona/instruction         answer       keep      parse:empty        finished        keep               chatter  language
persona/knowledge           *            keep      parse:no_marker    finished        parse:no_marker    parse:too_short language
thinking/trace              *            keep      parse:empty        finished        parse:too_short    chatter  language
thinking/rqa                question     on        parse:no_tag       parse:truncated parse:no_tag       on       on
thinking/rqa                answer       keep      parse:empty        parse:truncated parse:too_short    leaked   language
thinking/rewrite            *            keep      parse:empty        parse:truncated chatter            leaked   language
thinking/errors             attempt      on   rejected:no_answer parse:truncated rejected:no_answer on       on
thinking/errors             repair       keep      parse:no_solution  parse:truncated parse:no_mistake   leaked   keep
long/stitch * keep+on parse:empty+rejected:too_few parse:truncated+rejected:too_few chatter+on leaked+on language+on
long/qa                     ask          on        parse:no_questions on             parse:no_questions on       on
long/qa                     check        keep+on   parse:no_label     parse:truncated parse:no_label     keep+on  keep+on
long/aggregate              *            keep+on   parse:no_questions parse:truncated parse:no_questions rejected:no_word language+on
long/summaries              *            keep+on   parse:empty        parse:truncated keep+on            leaked+on language+on
label/educational           *            on parse:no_score     parse:truncated parse:no_score     on on
label/faithful              points       on        parse:empty        parse:truncated parse:empty        on       on
label/faithful              compare      on        parse:no_verdicts  parse:truncated parse:no_verdicts  on       on
label/math                  *            on parse:no_label     parse:truncated parse:no_label     on on
label/topic                 *            on parse:no_label     parse:truncated parse:no_label     on on
label/format                *            on parse:no_label     parse:truncated parse:no_label     on on
entigraph/*                 entities     keep      parse:json         finished        parse:json         leaked   language
entigraph/*                 relations    keep      parse:empty        finished        chatter            leaked   language
chunkwise/*                 rewrite      on parse:empty        parse:truncated on          on on
chunkwise/*                 fidelity     keep+on parse:no_label     parse:truncated parse:no_label     keep+on keep+on
translate/document          *            keep+on   parse:paragraphs   parse:truncated chatter+on  parse:paragraphs language+on
translate/bilingual         *            keep+on   parse:paragraphs   parse:truncated keep+on     parse:paragraphs language+on
self_instruct/*             round*      on        parse:no_items     parse:truncated parse:no_items     on       on
self_instruct/*             kind         on parse:no_label     parse:truncated parse:no_label     on on
self_instruct/*             instances    keep      parse:no_items     parse:no_items  parse:no_items     leaked   language
alpaca/*                    *            keep      parse:no_items     keep            parse:no_items     leaked   language
evol/*                      evolve*      on parse:empty        parse:truncated on          rejected:leak on
evol/*                      gain*        on parse:no_label     parse:truncated parse:no_label     on on
evol/*                      answer*      keep      rejected:empty     parse:truncated rejected:sorry     leaked   language
preference/*                answers      on parse:empty        parse:truncated on          on on
preference/grades           judge        keep+on parse:json         parse:truncated parse:json         keep+on keep+on
preference/pairs judge keep+on parse:no_label+rejected:tie parse:truncated+rejected:tie parse:no_label+rejected:tie keep+on keep+on
verified/python             *            keep      rejected:wrong     parse:truncated rejected:wrong     leaked   language
verified/choice             *            keep      rejected:wrong     parse:truncated rejected:wrong     leaked   language
verified/command            *            keep      rejected:wrong     parse:truncated rejected:wrong     keep     language
verified/*                  *            keep      rejected:wrong     parse:truncated rejected:wrong     leaked   language
procedural/sql              *            keep      rejected:wrong     parse:truncated parse:no_code      leaked   language
procedural/solve            *            keep      rejected:wrong     parse:truncated parse:no_answer    leaked   language
procedural/explain          *            keep      rejected:wrong     parse:truncated parse:no_answer    rejected:told language
tools/*                     request      on        parse:no_request parse:truncated parse:no_request on on
tools/dialogue              call         on        rejected:unknown_function parse:truncated parse:json on on
tools/*                     call         keep      rejected:unknown_function parse:truncated parse:json chatter language
tools/dialogue              result       on        rejected:result parse:truncated parse:json on on
tools/dialogue              answer       keep      rejected:unused_result parse:truncated rejected:unused_result chatter language
graph/multihop              question     keep      rejected:one_is_enough parse:truncated parse:no_question parse:no_steps language
tinygsm/*                   program      on parse:program:statement parse:truncated parse:program:syntax on on
tinygsm/*                   conversation keep      parse:no_dialogue  parse:truncated parse:no_dialogue  leaked   language
"""


def form_of(name: str, step: str) -> tuple[Shape, str]:
    found = [(shape, malformed) for recipe, kind, shape, malformed in FORMS if fnmatchcase(name, recipe) and fnmatchcase(step, kind)]
    assert found, f"{name}, step {step}: no completions are tried"
    return found[0]


def expected_of(name: str, step: str) -> list[str]:
    lines = [line.split() for line in OUTCOMES.strip().splitlines()]
    return next(line[2:] for line in lines if fnmatchcase(name, line[0]) and fnmatchcase(step, line[1]))


def document_of(recipe: Recipe) -> Document | None:
    answer = {"verified/python": "assert f(3) == 12", "verified/choice": "B"}.get(recipe.name, "#### 12")
    # One takes functions alone, and one no short passages.
    texts = {"code/tests": "def double(n):\n    return n * 2\n", "thinking/rqa": PASSAGE * 5}
    texts |= {"long/qa": PASSAGE * 30, "long/aggregate": LONG}
    text = texts.get(recipe.name, PASSAGE)
    return None if recipe.rows is not None else Document("d", text.strip(), language="en", metadata={"answer": answer, "rewrite": ENGLISH})


def cut_all(script: str | list[str]) -> Script:
    texts = itertools.cycle([script] if isinstance(script, str) else script)  # a cut answer may be asked for again
    return lambda _: cut(next(texts))


def played_well(recipe: Recipe, tokenizer, **others: Script) -> Played:
    """The recipe with good completions of all steps but these."""
    scripts: dict[str, Script] = {other.name: form_of(recipe.name, other.name)[0](ENGLISH) for other in recipe.steps}
    if recipe.family == "preference":
        scripts["answers"] = [f"Answer {number}. {ENGLISH}" for number in range(4)]
    options = {"command": "grep -q 12"} if recipe.name == "verified/command" else {}
    options |= {"to": "de"} if recipe.family == "translate" else {}
    options |= {"tasks": "ours/sets"} if recipe.name in ("procedural/solve", "procedural/explain") else {}
    options |= {"highest": 1} if recipe.name in ("procedural/solve", "procedural/sql") else {}
    options |= {"quoted": 0} if recipe.name == "instruction/templates" else {}
    options |= {"part_tokens": 200, "least_distance": 10} if recipe.name == "long/qa" else {}
    options |= {"prompts_per_round": 1} if recipe.family in ("self_instruct", "alpaca") else {}
    options |= TOOLS.get(recipe.name, {})
    neighbours = [Document("n", "Another text on the same harbour.")] if recipe.neighbours else []
    joined = [Document("n", "Many travellers come to Iceland for its hot springs.")] if recipe.paths else []
    return play(recipe.name, document_of(recipe), {**scripts, **others}, tokenizer, neighbours=neighbours, others=joined, **options)


def outcomes(recipe: Recipe, step: str, completion: Script, cascade: Cascade, tokenizer) -> str:
    """What becomes of the step's rows, where all other steps get good completions."""
    rows = played_well(recipe, tokenizer, **{step: completion}).rows[step]
    assert rows, "the step was asked"
    judged = batch(
        [row["text"] for row in rows],
        PASSAGE,
        recipe.name,
        errors=[row["error"] for row in rows],
        finish_reasons=[row["finish_reason"] for row in rows],
        prompts={recipe.name: recipe.wording},
    )
    verdicts, _ = cascade.judge(judged)
    found = {row["error"] or verdict for row, verdict in zip(rows, verdicts, strict=True)}
    found.discard("rejected:more_than_wanted")  # the same candidate again
    return "+".join(sorted("on" if outcome == "intermediate" else outcome for outcome in found))


@pytest.fixture(scope="module")
def cascade(tmp_path_factory) -> Cascade:
    """The checks that look at how a completion ended, at refusals, at the recipe's prompt, and at the language."""
    import fasttext

    folder = tmp_path_factory.mktemp("language")
    words = {"en": ENGLISH, "de": GERMAN}
    lines = [f"__label__{name} {text[at : at + 60]}" for name, text in words.items() for at in range(0, 400, 4)]
    (folder / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    model = fasttext.train_supervised(str(folder / "lines.txt"), epoch=30, lr=0.5, dim=8, minn=2, maxn=4, thread=1, verbose=0)
    model.save_model(str(folder / "lid.bin"))
    language = {"language": {"model": str(folder / "lid.bin"), "min": 0.6}}
    return build_cascade(filter_of(["finished", "parsed", "chatter", "leaked", language]))


EVERY = [
    (recipe.name, step.name)
    for recipe in catalogue().values()
    for step in recipe.steps
    if recipe.family != "baseline" and not step.name.endswith(("1", "2", "3", "4", "5"))  # which ask no model, and later rounds
]


@pytest.mark.parametrize(("name", "step"), EVERY)
def test_what_becomes_of_good_bad_cut_and_hostile_completions(name, step, cascade, tokenizer):
    recipe = catalogue()[name]
    shape, malformed = form_of(name, step)
    prompt = recipe.wording[:1500]
    tried = (shape(ENGLISH), malformed, cut_all(shape(ENGLISH)), REFUSAL, shape(prompt), shape(GERMAN))
    assert [outcomes(recipe, step, completion, cascade, tokenizer) for completion in tried] == expected_of(name, step)
