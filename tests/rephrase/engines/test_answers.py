"""What foreign servers send: every answer is a completion or an error row with the server's own words."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rephrase.engines import connection
from rephrase.engines.base import Completion
from rephrase.engines.endpoint import Endpoint, EndpointSettings
from rephrase.engines.prompts import ChatPrompter
from rephrase.engines.reasoning import tokens_of
from tests.rephrase.engines.scripted import ask, choices, complete, echo, error, serving
from tests.tiny_model import make_tokenizer

WORDS = "The tide rises."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(make_tokenizer(tmp_path_factory.mktemp("tokenizer")))


def chat(content: object = WORDS, reason: object = "stop", usage: object = None, **choice: object) -> dict:
    message = {"role": "assistant", "content": content}
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason, **choice}], "usage": usage}


def one(answer: object, **config: object) -> Completion:
    """The completion of one request to a server that always answers so."""
    [completion], _ = complete(lambda *_: answer, [ask()], **{"retries": 0, **config})
    return completion


def body(data: bytes | str, content_type: str = "application/json", status: int = 200, **headers: str) -> web.Response:
    data = data.encode() if isinstance(data, str) else data
    return web.Response(body=data, status=status, headers={"Content-Type": content_type, **headers})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "The tide "}, {"type": "text", "text": "rises."}], WORDS),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": WORDS}], WORDS),
        ([{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": WORDS}], WORDS),
        ([{"type": "redacted_thinking", "data": "…"}, WORDS], WORDS),
        ([{"type": "text", "text": WORDS}, {"type": "reference", "reference_ids": [1]}], WORDS),
        ([{"text": WORDS}], WORDS),
        ([{"text": "hm", "thought": True}, {"text": WORDS}], WORDS),
        ([{"type": "reasoning.text", "text": "hm"}, {"type": "think", "content": "hm"}, {"type": "text", "content": WORDS}], WORDS),
        ([None, {"type": "text", "text": None}, {"type": "text", "text": {"value": WORDS, "annotations": []}}], WORDS),
        ({"role": "model", "parts": [{"text": WORDS}]}, WORDS),
        ({"type": "text", "text": WORDS}, WORDS),
        ([], ""),
        (None, ""),
        ("", ""),
    ],
)
def test_text_parts_are_joined_and_thinking_is_left_out(content, text):
    completion = one(chat(content))
    assert (completion.text, completion.error) == (text, None)


@pytest.mark.parametrize("content", [42, 4.2, True, {"error": "overloaded"}, {"a": 1}, [7], [{"type": "text", "text": 7}], [[WORDS]]])
def test_content_that_is_no_text_is_an_error(content):
    completion = one(chat(content))
    assert completion.text == ""
    assert completion.error.startswith("engine:unavailable: the answer is not a completion")


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "reasoning_details", "thinking"])
@pytest.mark.parametrize("value", ["hm", [{"type": "reasoning.text", "text": "hm"}], {"content": "hm"}, ["hm"]])
def test_reasoning_in_a_field_of_its_own_is_no_part_of_the_text(field, value):
    answer = chat()
    answer["choices"][0]["message"][field] = value
    completion = one(answer)
    assert (completion.text, completion.reasoning) == (WORDS, "hm")


@pytest.mark.parametrize(
    ("content", "reasoning"),
    [
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": WORDS}], "hm"),
        ([{"type": "thinking", "thinking": "h"}, {"type": "thinking", "thinking": "m"}, {"type": "text", "text": WORDS}], "hm"),
        ([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}, {"type": "output_text", "text": WORDS}], "hm"),
        ({"parts": [{"text": "hm", "thought": True}, {"text": WORDS}]}, "hm"),
        ([{"type": "redacted_thinking", "data": "…"}, WORDS], None),
        (f"<think>hm</think>{WORDS}", "hm"),
        (f"hm</think>{WORDS}", "hm"),
        (WORDS, None),
    ],
)
def test_reasoning_among_the_parts_of_the_content_is_kept_apart(content, reasoning):
    completion = one(chat(content))
    assert (completion.text, completion.reasoning) == (WORDS, reasoning)


@pytest.mark.parametrize("odd", [None, "", 7, True, {}, [], [[]], {"text": {"text": None}}, [{"type": "reasoning.encrypted", "data": "…"}]])
def test_odd_reasoning_is_none(odd):
    answer = chat()
    answer["choices"][0]["message"] |= {"reasoning_content": odd, "reasoning": odd}
    completion = one(answer)
    assert (completion.text, completion.reasoning, completion.error) == (WORDS, None, None)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}}, 4),
        ({"completion_tokens": 9, "output_tokens_details": {"reasoning_tokens": "4"}}, 4),
        ({"completion_tokens": 9, "reasoning_tokens": 4}, 4),
        ({"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 40}}, 9),
        ({"completion_tokens": 9, "completion_tokens_details": None}, 6),
        ({"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": -1}}, 6),
    ],
)
def test_tokens_of_reasoning_are_the_servers_count_or_a_share(usage, tokens):
    assert tokens_of(one(chat(f"<think>{WORDS * 2}</think>{WORDS}", usage=usage))) == tokens


FINISHED = [
    "stop",
    "STOP",
    "eos_token",
    "stop_sequence",
    "end_turn",
    "COMPLETE",
    "eos",
    "eosFound",
    "FinishReason.STOP",
    "FINISH_REASON_STOP",
]
FINISHED += [{"type": "stop"}]
CUT = [
    *("length", "max_tokens", "MAX_TOKENS", "maxTokens", "max-tokens", "model_length", "model_context_window_exceeded", "ERROR_LIMIT"),
    *("tool_calls", "function_call", "tool_use", "pause_turn", "time_limit", "repetition", "max_output_tokens", "contextLengthReached"),
    *("not_finished", "FINISH_REASON_MAX_TOKENS", {"type": "length", "length": 8}, None, "", [], {}),
]
FILTERED = ["content_filter", "content-filter", "sensitive", "SAFETY", "RECITATION", "PROHIBITED_CONTENT", "refusal", "ERROR_TOXIC"]
FAILED = ["insufficient_system_resource", "network_error", "timeout", "cancelled", "abort", "aborted", "error", "ERROR", "OTHER"]
UNKNOWN = ["interrupted", "no such reason", 1, True, [1], {"type": 3}, " ", "finish_reason_unspecified"]


@pytest.mark.parametrize("reason", ["gone \ud83d", "\x1b[31mgone\x00", ["\ud83d"]])
def test_the_word_for_an_unknown_end_can_be_stored_and_printed(reason):
    completion = one(chat(reason=reason))
    assert completion.error.startswith("engine:unknown_finish_reason: ")
    assert completion.error.isprintable()


@pytest.mark.parametrize("reason", FINISHED)
def test_an_answer_that_came_to_its_end_is_finished(reason):
    completion = one(chat(reason=reason))
    assert (completion.text, completion.finish_reason, completion.error) == (WORDS, "stop", None)


@pytest.mark.parametrize("reason", CUT)
def test_an_answer_that_was_cut_is_cut(reason):
    completion = one(chat(reason=reason))
    assert (completion.text, completion.finish_reason, completion.error) == (WORDS, "length", None)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        *((reason, "engine:content_filter") for reason in FILTERED),
        *((reason, "engine:unavailable: the server broke its answer off: ") for reason in FAILED),
        *((reason, "engine:unknown_finish_reason: ") for reason in UNKNOWN),
    ],
)
def test_an_answer_that_broke_off_is_an_error_and_has_no_text(reason, code):
    completion = one(chat(reason=reason))
    assert (completion.text, completion.finish_reason) == ("", "error")
    assert completion.error.startswith(code)


def test_without_a_reason_nobody_knows_that_a_text_is_whole():
    answer = chat()
    del answer["choices"][0]["finish_reason"]
    completion = one(answer)
    assert (completion.text, completion.finish_reason, completion.error) == (WORDS, "length", None)


def test_a_server_that_broke_off_is_asked_again():
    [completion], server = complete(lambda _, call: chat(reason="network_error" if call < 3 else "stop"), [ask()])
    assert (completion.text, len(server.calls)) == (WORDS, 3)


@pytest.mark.parametrize(
    "behind", [{"native_finish_reason": "MAX_TOKENS"}, {"provider_specific_fields": {"native_finish_reason": "max_tokens"}}]
)
def test_a_gateways_stop_does_not_hide_the_models_own_reason(behind):
    assert one(chat(**behind)).finish_reason == "length"


def test_an_error_beside_a_cut_text_is_the_error():
    completion = one(chat("The tide", "stop", error={"code": 502, "message": "Provider disconnected"}))
    assert (completion.text, completion.error) == ("", "engine:unavailable: Provider disconnected")


def test_one_broken_choice_of_a_batch_is_asked_for_alone(folder):
    broken = ChatPrompter(folder).token_ids(ask("b b").messages)

    def behave(sent, _call):
        answer = echo(sent)
        for choice in answer["choices"]:
            if len(sent["prompt"]) > 1 and sent["prompt"][choice["index"]] == broken:
                choice["finish_reason"] = "abort"
        return answer

    done, server = complete(behave, [ask("a"), ask("b b"), ask("c"), ask("d")], tokenizer=folder, batch_size=4)
    assert [completion.error for completion in done] == [None] * 4
    assert [len(sent["prompt"]) for _, sent, _ in server.calls] == [1, 3, 1]


@pytest.mark.parametrize("change", [lambda c: c.pop("index"), lambda c: c.update(index=0), lambda c: c.update(index="x")])
def test_choices_that_cannot_be_told_apart_are_asked_for_one_by_one(folder, change):
    def behave(sent, _call):
        answer = echo(sent)
        for choice in answer["choices"]:
            change(choice)
        return answer

    requests = [ask("a"), ask("the tide rises and falls"), ask("b c")]
    done, _ = complete(behave, requests, tokenizer=folder, batch_size=3)
    assert [len(c.text) for c in done] == [len(ChatPrompter(folder).token_ids(r.messages)) for r in requests]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "Model overloaded"}, "Model overloaded"),
        ({"error": {"message": "Model overloaded", "type": "server_error"}}, "Model overloaded"),
        ({"error": {"message": "Model overloaded"}, "choices": None}, "Model overloaded"),
        ({"object": "error", "message": "Model overloaded", "code": 503}, "Model overloaded"),
        ({"detail": [{"loc": ["body"], "msg": "Model overloaded", "input": "x"}]}, "Model overloaded"),
        ({"code": "Throttled", "msg": "Model overloaded", "data": None}, "Model overloaded"),
        ([{"error": {"message": "Model overloaded"}}], "Model overloaded"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": '{"error":{"message":"Model overloaded"}}'}}},
            "Model overloaded",
        ),
        ({"choices": [], "note": "Model overloaded"}, "Model overloaded"),
        ({"choices": None, "note": "Model overloaded"}, "Model overloaded"),
        ({"choices": "Model overloaded"}, "Model overloaded"),
        ({"choices": ["Model overloaded"]}, "a choice is no object"),
        ({"choices": [{"index": 0, "finish_reason": "stop", "note": "Model overloaded"}]}, "Model overloaded"),
        (choices(["a", "b"]), "2 choices for 1 prompts"),
        ("Model overloaded", "Model overloaded"),
        (7, "not a JSON object"),
    ],
)
def test_an_answer_of_another_shape_is_told_in_the_servers_own_words(answer, words):
    completion = one(web.json_response(answer))
    assert completion.error.startswith("engine:unavailable: ")
    assert words in completion.error
    assert "Error(" not in completion.error
    assert len(completion.error) < 400


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (body(b""), "the answer is not JSON: it is empty"),
        (body(b"", status=204), "it is empty"),
        (body('{"choices": [{"mess'), '{"choices": [{"mess'),
        (body("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", "text/html"), "502 Bad Gateway"),
        (body("<html><body>Please <b>log in</b></body></html>", "text/html"), "Please log in"),
        (body('data: {"choices": []}\n\ndata: [DONE]\n\n', "text/event-stream"), "data: [DONE]"),
        (body(b"\xff\xfe\x00\x01\x02"), "not JSON"),
        (body("[" * 200_000), "the answer cannot be read: RecursionError"),
        (body("1" * 6000), "not"),
        (body("\x1b[31mred\x07", "text/plain"), "[31mred"),
        (body("plain text", "text/plain; charset=no-such-charset"), "the answer"),
        (body(b"no gzip", **{"Content-Encoding": "gzip"}), "the answer breaks off"),
        (body(gzip.compress(b"x" * 99)[:-9], **{"Content-Encoding": "gzip"}), "the answer"),
        (body("{}", status=301, Location="/v1/elsewhere"), "the address has moved to http://127.0.0.1"),
        (body("{}", status=308, Location="mailto:somebody"), "no HTTP answer"),
        (body("moved", "text/plain", status=300), "moved"),
        (body("pay first", "text/plain", status=402), "pay first"),
        (body("short and stout", "text/plain", status=418), "short and stout"),
        (body("{", status=599), "{"),
    ],
)
def test_a_body_that_is_no_answer_is_an_error_row(response, words):
    completion = one(response)
    assert completion.error.startswith("engine:unavailable: ")
    assert words in completion.error
    assert completion.error.isprintable()


def test_a_body_without_end_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(connection, "_LARGEST_BODY", 1 << 20)
    assert "larger than 1 MiB" in one(body(b" " * (1 << 21))).error


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + json.dumps(chat()).encode(),
        json.dumps(chat()).encode("utf-16"),
        b"\n\n\n" + json.dumps(chat()).encode(),
        json.dumps(chat(logprobs=float("nan"))).encode(),
        json.dumps(chat(logprobs=float("-inf"))).encode(),
        json.dumps(chat(created=10**40)).encode(),
        json.dumps({"error": None, **chat()}).encode(),
        json.dumps({"choices": [{"message": {"content": WORDS}, "finish_reason": "stop"}]}).encode(),
        json.dumps({"choices": [{"index": 7, "text": WORDS, "finish_reason": "stop"}]}).encode(),
        json.dumps({"choices": [{"message": WORDS, "finish_reason": "stop"}]}).encode(),
    ],
)
def test_what_can_be_read_is_read(data):
    completion = one(body(data))
    assert (completion.text, completion.finish_reason, completion.error) == (WORDS, "stop", None)


def test_letters_in_the_charset_that_the_server_names_are_read():
    data = '{"choices": [{"message": {"content": "Käse"}, "finish_reason": "stop"}]}'.encode("latin-1")
    assert one(body(data, "application/json; charset=ISO-8859-1")).text == "Käse"


def test_half_a_character_is_replaced():
    data = '{"choices": [{"message": {"content": "A wave \\ud83c"}, "finish_reason": "stop"}]}'
    assert one(body(data)).text == "A wave �"


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [{"index": 0, "message": {"role": "assistant"}, "finish_reason": "stop"}]},
        {"choices": [{"index": 0, "message": None, "finish_reason": "stop"}]},
        {"choices": [{"message": {"content": None, "reasoning_content": "hm"}, "finish_reason": "stop"}]},
        {"choices": [{"text": None, "finish_reason": "stop"}]},
    ],
)
def test_no_content_is_an_empty_one(answer):
    assert replace(one(answer), reasoning=None) == Completion("", "stop")


@pytest.mark.parametrize("part", [False, True])
def test_a_models_refusal_is_its_filters(part):
    refusal = "I cannot help with that."
    answer = chat([{"type": "refusal", "refusal": refusal}] if part else None)
    if not part:
        answer["choices"][0]["message"]["refusal"] = refusal
    assert one(answer).error == f"engine:content_filter: {refusal}"


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4}, (9, 4)),
        ({"prompt_tokens": "9", "completion_tokens": 4.0}, (9, 4)),
        ({"prompt_tokens": -9, "completion_tokens": 4.5}, (0, 0)),
        ({"prompt_tokens": 2**64, "completion_tokens": 1e300}, (0, 0)),
        ({"prompt_tokens": True, "completion_tokens": False}, (0, 0)),
        ({"prompt_tokens": None, "completion_tokens": "many"}, (0, 0)),
        ({"prompt_tokens": [9], "completion_tokens": {"total": 4}}, (0, 0)),
        *((usage, (0, 0)) for usage in ([], [1, 2], "9", 9, None, {})),
    ],
)
def test_counts_that_are_none_are_not_counted(usage, counts):
    completion = one(chat(usage=usage))
    assert (completion.text, completion.prompt_tokens, completion.completion_tokens) == (WORDS, *counts)


@pytest.mark.parametrize("token_ids", ["many", 7, {}, None])
def test_token_ids_that_are_none_are_not_counted(folder, token_ids):
    def behave(sent, _call):
        return {"choices": [{"text": WORDS, "finish_reason": "stop", "token_ids": token_ids}], "usage": {"completion_tokens": 4}}

    [completion], _ = complete(behave, [ask()], tokenizer=folder)
    assert (completion.text, completion.completion_tokens) == (WORDS, 4)


def test_a_key_that_the_server_quotes_is_not_told(monkeypatch):
    monkeypatch.setenv("VENDOR_KEY", "sk-secret-0123456789")
    completion = one(error(400, "bad field; your key is sk-secret-0123456789"), api_key_env="VENDOR_KEY")
    assert completion.error == "engine:bad_request: bad field; your key is ***"


@pytest.mark.parametrize("status", [403, 404])
def test_one_refusal_among_answers_is_a_row(status):
    async def asked_twice() -> list[Completion]:
        async with serving(lambda _, call: chat() if call == 1 else error(status, "not this one")) as server:
            engine = Endpoint(EndpointSettings(kind="endpoint", url=server.url, model="m", retries=0))
            async with engine:
                return [*await engine.complete([ask("a")]), *await engine.complete([ask("b")])]

    assert [completion.error for completion in asyncio.run(asked_twice())] == [None, "engine:unavailable: not this one"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["stop", "length", "text", WORDS, "\ud800", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "text", "index", "finish_reason", "usage", "error", "type", "token_ids"]),
            inner,
        )
    ),
    max_leaves=12,
)

MESSAGE = st.fixed_dictionaries({"content": JSON}, optional={"refusal": JSON, "reasoning_content": JSON})
CHOICE = st.fixed_dictionaries(
    {"index": st.just(0), "message": MESSAGE | JSON, "finish_reason": JSON | st.just("stop")}, optional={"error": JSON, "text": JSON}
)
ANSWER = JSON | st.fixed_dictionaries({"choices": st.lists(CHOICE, min_size=1, max_size=1), "usage": JSON})


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(ANSWER, min_size=8, max_size=8))
def test_whatever_is_sent_is_a_completion_or_an_error(bodies):
    done, _ = complete(lambda _, call: body(json.dumps(bodies[call % 8])), [ask(str(n)) for n in range(8)], retries=0)
    for completion in done:
        assert completion.text.encode() is not None
        assert completion.finish_reason in ("stop", "length") or (completion.error and not completion.text)
        assert 0 <= completion.prompt_tokens < 2**63
