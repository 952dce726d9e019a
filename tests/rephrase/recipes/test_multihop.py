"""Paths over documents by the names that they share, and questions that need each document of a path."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import catalogue, recipes_of
from rephrase.recipes.graph.path import Hop, Path
from rephrase.recipes.graph.search import as_written, has_shortcut, holds, mentions_of, normal_name, with_paths
from rephrase.recipes.graph.verify import is_right
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document, content_id
from tests.rephrase.recipes.play import cut, play

SMEATON = Document("a", "The third lighthouse on the rocks was built by John Smeaton in 1759. He took an oak for his model.")
BRIDGE = Document("b", "In Perth the old bridge over the river was the work of John Smeaton, who had it paid by Lord Kinnoull.")
KINNOULL = Document("c", "At the age of sixty the patron, known as Lord Kinnoull, planted a thousand larches on his hill.")
OTHER = Document("d", "Bread rises when yeast eats sugar. Warm water helps.")


def settings(**options):
    return recipes_of([RecipeUse(use="graph/multihop", options=options)])[0].paths


def paths_among(documents, tokenizer, **options):
    rows = with_paths([Row(document) for document in documents], settings(**options), tokenizer)
    return {row.document.id: row.paths for row in rows}


def ids(path):
    return "".join(hop.document_id for hop in path.hops)


def test_names_are_compared_without_case_article_possessive_and_spaces():
    assert {normal_name(name) for name in ("The  Moon", "moon", "the Moon's", "the moon’s", "MOON")} == {"moon"}
    assert normal_name("The") == "the", "a name of an article alone stays"
    assert holds("He met John\nSmeaton's brother.", "John Smeaton")
    assert not holds("Perthshire is wide.", "Perth")


@pytest.mark.parametrize(
    ("text", "name", "written"),
    [
        ("He met John\nSmeaton's brother.", "john smeaton", "John Smeaton"),
        ("The SMEATON tower; Smeaton built it.", "smeaton", "SMEATON"),
        ("Wir sahen die Straße der Pharaonen.", "strasse der pharaonen", "Straße der Pharaonen"),
        ("In O’Neill's house", "o neill", "O’Neill"),
        ("Nobody is there.", "john smeaton", "john smeaton"),
    ],
)
def test_prompts_name_what_joins_documents_as_it_is_first_written(text, name, written):
    assert as_written(text, name) == written


def test_documents_that_share_a_name_are_joined_by_the_passages_that_hold_it(tokenizer):
    found = paths_among([SMEATON, BRIDGE, KINNOULL, OTHER], tokenizer)
    every = [path for paths in found.values() for path in paths]
    assert {frozenset(ids(path)) for path in every} == {frozenset("ab"), frozenset("bc"), frozenset("abc")}
    assert found["d"] == ()
    for document, paths in found.items():
        for path in paths:
            assert path.hops[path.owner].document_id == document, "a path belongs to one document"
            for at, name in enumerate(path.bridges):
                assert all(holds(hop.text, name) for hop in path.hops[at : at + 2])
    [three] = [path for path in every if len(path.hops) == 3]
    assert (ids(three)[1], len(three.bridges)) == ("b", 2), "the document in the middle holds both names"


def test_paths_are_of_two_and_three_documents_and_as_many_as_asked_for(tokenizer):
    documents = [SMEATON, BRIDGE, KINNOULL, OTHER]
    assert {len(p.hops) for paths in paths_among(documents, tokenizer, hops=2).values() for p in paths} == {2}
    assert {len(p.hops) for paths in paths_among(documents, tokenizer, hops=[3]).values() for p in paths} == {3}
    assert catalogue()["graph/multihop"].paths.hops == (2, 3)
    crowd = [Document(str(n), f"On that day the town saw Ada Byron and Carl Friedrich Gauss and Paul{n % 7} Erdos.") for n in range(20)]
    assert {len(paths) for paths in paths_among(crowd, tokenizer, paths=3).values()} <= {0, 1, 2, 3}


def test_a_name_of_too_many_documents_joins_nothing(tokenizer):
    documents = [Document(str(n), f"In those years people heard of Charles Babbage in town {n}.") for n in range(12)]
    assert not any(paths_among(documents, tokenizer, most_documents=11).values())
    found = paths_among(documents, tokenizer, most_documents=12, hops=2)
    assert sum(map(len, found.values())) == 12, "each document is joined to the next one alone, and not to all"


def test_paths_are_the_same_in_any_order_of_documents_and_grow_with_them(tokenizer):
    dice = random.Random(4)
    names = [f"{first} {last}" for first in ("Ada", "Carl", "Emmy", "Kurt") for last in (f"Smith{n}" for n in range(40))]
    documents = [Document(content_id(str(n)), f"In town {n} we met {' and '.join(dice.sample(names, 3))}, who left.") for n in range(120)]
    found = paths_among(documents, tokenizer)
    assert paths_among(documents[::-1], tokenizer) == found
    assert all(len(paths) <= 2 for paths in found.values())
    assert paths_among(documents, tokenizer, seed=2) != found
    mentions = mentions_of(documents[0], settings(names=2), tokenizer)
    assert len(mentions) == 2, "of many names those of lowest hash: others keep the same ones"


def test_names_may_come_from_the_metadata(tokenizer):
    texts = {
        "x": "der leuchtturm von smeaton steht auf dem felsen.",
        "y": "die brücke von smeaton führt über den tay.",
        "z": "brot geht auf.",
    }
    lists = {"x": '["Smeaton", "Eddystone"]', "y": "Smeaton; Tay", "z": "Smeaton", "none": None}
    texts["none"] = "smeaton und keine liste."
    documents = [Document(key, text, metadata={"entities": lists[key]}) for key, text in texts.items()]
    found = [path for paths in paths_among(documents, tokenizer, entities="entities").values() for path in paths]
    assert [(set(ids(path)), path.bridges) for path in found] == [({"x", "y"}, ("smeaton",))], "z lists a name that its text does not hold"


def test_of_a_long_document_the_passage_that_holds_the_name_is_shown(tokenizer):
    filler = "Nothing happens here for a while, and nobody comes by. " * 30
    long = Document("l", f"{filler}Then the lamp was lit by John Smeaton himself. {filler}")
    [path] = [path for paths in paths_among([long, BRIDGE], tokenizer, passage_tokens=60).values() for path in paths]
    hop = next(hop for hop in path.hops if hop.document_id == "l")
    assert "lamp was lit by John Smeaton" in hop.text
    assert long.text[hop.start : hop.end] == hop.text
    assert tokenizer.count([hop.text])[0] <= 60


def test_a_path_with_a_shortcut_is_not_asked():
    first, second = Hop("a", 0, 9, "Smeaton built it."), Hop("b", 0, 9, "Smeaton and Kinnoull met.")
    assert not has_shortcut(Path((first, second, Hop("c", 0, 9, "Kinnoull planted.")), ("smeaton", "kinnoull"), 1))
    assert has_shortcut(Path((first, second, Hop("c", 0, 9, "Kinnoull knew Smeaton.")), ("smeaton", "kinnoull"), 1))


def two(scripts, tokenizer, **options):
    """The recipe on two documents whose path begins with the lighthouse, whichever of them has it."""
    rows = paths_among([SMEATON, BRIDGE], tokenizer, hops=2)
    [path] = [path for paths in rows.values() for path in paths]
    played = play("graph/multihop", SMEATON, scripts, tokenizer, others=[BRIDGE], hops=2, **options)
    return path, played


def fact_of(path):
    """A phrase that the last document of a path alone holds, and one of the first."""
    facts = {"a": "oak", "b": "Perth"}
    return facts[path.hops[-1].document_id], facts[path.hops[0].document_id]


def test_a_question_shows_each_document_and_gives_text_and_fields(tokenizer):
    path, _ = two({}, tokenizer)
    fact, _ = fact_of(path)
    completion = f"Question: What comes up where the other work of the builder is told?\nSteps: One. Two.\nAnswer: {fact}"
    _, played = two({"question": completion}, tokenizer)
    [prompt], [text], [fields] = played.prompts["question"], played.texts("question"), played.fields("question")
    assert SMEATON.text in prompt
    assert BRIDGE.text in prompt
    assert 'Documents 1 and 2 both speak of "John Smeaton".' in prompt
    assert text == f"Question: What comes up where the other work of the builder is told?\n\nOne. Two.\n\nAnswer: {fact}"
    assert (fields["hops"], fields["bridges"], sorted(fields["documents"])) == (2, ["john smeaton"], ["a", "b"])


@pytest.mark.parametrize(
    ("question", "answer", "error"),
    [
        ("What did John Smeaton see?", "{last}", "rejected:names_bridge"),
        ("What comes up there?", "Edinburgh", "rejected:no_evidence"),
        ("What comes up there?", "{first}", "rejected:no_evidence"),
        ("Is {last} what comes up?", "{last}", "rejected:answer_in_question"),
        ("What comes up in both?", "the", "rejected:one_is_enough"),
        ("What comes up there?", "one two three four five six seven eight nine ten eleven twelve thirteen", "rejected:long_answer"),
    ],
)
def test_rules_refuse_what_one_document_answers_and_what_no_document_does(question, answer, error, tokenizer):
    path, _ = two({}, tokenizer)
    last, first = fact_of(path)
    completion = f"Question: {question}\nSteps: One.\nAnswer: {answer}".format(last=last, first=first)
    _, played = two({"question": completion}, tokenizer)
    assert played.errors("question") == [error]
    assert json.loads(played.rows["question"][0]["fields"])["reason"]


def verified(first, second, both, tokenizer):
    path, _ = two({}, tokenizer)
    fact, _ = fact_of(path)
    texts = {"Document 1": both, path.hops[0].text: first, path.hops[1].text: second}

    def answer(prompt):
        said = next(said for shown, said in texts.items() if shown in prompt)
        return said if not isinstance(said, str) else f"Answer: {said.format(fact=fact)}"

    scripts = {"question": f"Question: What comes up there?\nSteps: One.\nAnswer: {fact}", "verify": answer}
    return two(scripts, tokenizer, verify=True)[1]


@pytest.mark.parametrize(
    ("first", "second", "both", "error"),
    [
        ("unknown", "unknown", "It is {fact}.", None),
        ("{fact}", "unknown", "{fact}", "rejected:one_is_enough"),
        ("unknown", "the {fact}", "{fact}", "rejected:one_is_enough"),
        ("unknown", "unknown", "unknown", "rejected:not_answered"),
        ("unknown", cut("Answer: perhaps"), "{fact}", "parse:truncated"),
    ],
)
def test_a_verified_question_is_answered_from_all_documents_and_from_none_alone(first, second, both, error, tokenizer):
    played = verified(first, second, both, tokenizer)
    assert len(set(played.prompts["verify"])) == 3, "each document alone, and both"
    assert played.texts("question") == [], "the text comes when it is verified"
    last = played.rows["verify"][-1]
    assert last["error"] == error
    assert last["key"].endswith("/all")
    assert (last["text"] is None) == (error is not None)
    assert len(played.texts("verify")) == (error is None)


def test_answers_are_right_that_say_the_same():
    assert is_right("the harbour of Brest", "Brest")
    assert is_right("Smeaton", "John Smeaton")
    assert not is_right("John", "John Smeaton of Austhorpe")
    assert not is_right("", "Brest")


def test_questions_and_answers_can_be_held_to_json(tokenizer):
    uses = [RecipeUse(use="graph/multihop", structured=True, options={"verify": True})]
    [held] = recipes_of(uses)
    assert all(step.structured for step in held.steps)
    path, _ = two({}, tokenizer)
    answer = json.dumps({"question": "What comes up there?", "steps": "One follows.", "answer": fact_of(path)[0]})
    _, played = two({"question": answer}, tokenizer, structured=True)
    assert Counter(played.errors("question")) == Counter()
    assert len(played.texts("question")) == 1
