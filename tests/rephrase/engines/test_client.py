from __future__ import annotations

import asyncio
import json
from collections import Counter
from unittest.mock import patch

import pytest
from aiohttp import web

from rephrase.engines import client as client_module
from rephrase.engines.base import Completion, Message, Request, Sampling
from rephrase.engines.endpoint import Endpoint, EndpointSettings
from rephrase.engines.prompts import ChatPrompter
from rephrase.errors import UserError
from tests.rephrase.engines.scripted import SAMPLING, ask, choices, complete, echo, error, serving
from tests.tiny_model import CHAT_TEMPLATE, make_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(make_tokenizer(tmp_path_factory.mktemp("tokenizer")))


def test_a_batch_goes_in_one_call_as_token_ids_and_comes_back_in_order_with_exact_usage(folder):
    requests = [ask("a"), ask("the tide rises and falls"), ask("b c")]
    lengths = [len(ChatPrompter(folder).token_ids(r.messages)) for r in requests]
    done, server = complete(echo, requests, tokenizer=folder, batch_size=3)
    assert [(c.text, c.finish_reason, c.prompt_tokens, c.completion_tokens) for c in done] == [("x" * n, "stop", n, n) for n in lengths]
    path, body, _ = server.calls[-1]
    assert path == "/v1/completions"
    assert {k: v for k, v in body.items() if k != "prompt"} == {
        "model": "m", "max_tokens": 8, "temperature": 0.7, "top_p": 1.0, "return_token_ids": True
    }  # fmt: skip
    assert [len(body["prompt"]) for _, body, _ in server.calls] == [1, 2]  # the first finds out whether tokens are counted


def test_a_server_that_does_not_count_tokens_gets_one_request_a_call(folder):
    done, server = complete(lambda body, _: echo(body, token_ids=False), [ask("a"), ask("b b"), ask("c")], tokenizer=folder, batch_size=3)
    assert [len(body["prompt"]) for _, body, _ in server.calls] == [1, 1, 1]
    assert [c.completion_tokens for c in done] == [len(c.text) for c in done]


def test_a_server_that_refuses_to_count_tokens_is_not_asked_to(folder):
    def strict(body, _call):
        return error(400, "unknown field return_token_ids") if "return_token_ids" in body else echo(body, token_ids=False)

    done, server = complete(strict, [ask("a"), ask("b")], tokenizer=folder, batch_size=2)
    assert [c.error for c in done] == [None, None]
    assert len(server.calls) == 3


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_prompt_that_the_template_refuses_costs_no_other(tmp_path, batch_size):
    template = "{% if 'bomb' in messages[0]['content'] %}{{ raise_exception('Not this page') }}{% endif %}" + CHAT_TEMPLATE
    folder = str(make_tokenizer(tmp_path, template))
    done, server = complete(echo, [ask("a"), ask("a bomb"), ask("c")], tokenizer=folder, batch_size=batch_size, seeds=False)
    assert [c.error for c in done] == [None, "prompt_refused: Not this page", None]
    assert (done[1].text, done[1].finish_reason) == ("", "error")
    assert sum(len(body["prompt"]) for _, body, _ in server.calls) == 2, "it is not asked"


def test_where_the_key_is_refused_nothing_more_is_asked():
    asked = Counter()

    async def run() -> None:
        ended = asyncio.Event()

        async def behave(body, _call):
            text = body["messages"][0]["content"]
            asked[text] += 1
            if text == "bad":
                return error(401, "Incorrect API key")
            await ended.wait()
            return error(503, "busy")

        async with serving(behave) as server, Endpoint(EndpointSettings(kind="endpoint", url=server.url, model="m", retries=9)) as engine:
            with pytest.raises(UserError, match="refuses access"):
                await engine.complete([ask("a"), ask("bad"), ask("c")])
            ended.set()
            await asyncio.sleep(0.2)

    with patch.object(client_module, "_FIRST_DELAY", 0.01):
        asyncio.run(run())
    assert set(asked.values()) == {1}, "no call of the batch is tried again"


def test_the_bad_request_of_a_batch_is_found_and_the_others_succeed(folder):
    bad = ChatPrompter(folder).token_ids(ask("bad").messages)

    def behave(body, _call):
        return error(400, "Token id 7 is out of vocabulary") if bad in body["prompt"] else echo(body)

    done, _ = complete(behave, [ask("a"), ask("bad"), ask("c")], tokenizer=folder, batch_size=3)
    assert [c.error for c in done] == [None, "engine:bad_request: Token id 7 is out of vocabulary", None]
    assert (done[1].text, done[1].finish_reason, done[1].prompt_tokens) == ("", "error", len(bad))


def test_a_bad_first_request_does_not_make_the_server_one_that_cannot_count(folder):
    bad = ChatPrompter(folder).token_ids(ask("bad").messages)

    def behave(body, _call):
        return error(400, "too much") if bad in body["prompt"] else echo(body)

    done, server = complete(behave, [ask(text) for text in ("bad", "a", "b b", "c", "d")], tokenizer=folder, batch_size=5)
    assert [c.error is None for c in done] == [False, True, True, True, True]
    assert [len(body["prompt"]) for _, body, _ in server.calls] == [1, 1, 1, 3], "batches again after the first that was answered"


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_transient_errors_are_retried(status):
    done, server = complete(lambda _, call: error(status, "busy") if call < 3 else choices(["fine"]), [ask()])
    assert done[0].text == "fine"
    assert len(server.calls) == 3


def test_a_lost_connection_is_retried():
    assert complete(lambda _, call: None if call == 1 else choices(["fine"]), [ask()])[0][0].text == "fine"


def test_retry_after_is_obeyed(monkeypatch):
    slept = []
    sleep = asyncio.sleep

    async def record(seconds, *rest):
        slept.append(seconds)
        await sleep(0, *rest)

    monkeypatch.setattr(client_module.asyncio, "sleep", record)
    headers = {"Retry-After": "7"}
    complete(lambda _, call: error(429, "slow down", **headers) if call == 1 else choices(["fine"]), [ask()])
    assert 7 < max(slept) < 8


def test_an_outage_is_logged_once_for_each_reason(caplog):
    complete(lambda *_: error(503, "overloaded"), [ask(), ask(), ask()], retries=0)
    assert [record.getMessage().partition(" gave ")[2] for record in caplog.records] == ["no completion: HTTP 503 overloaded"]


def test_an_outage_without_end_is_an_error_of_the_request():
    done, server = complete(lambda *_: error(503, "overloaded"), [ask()], retries=2)
    assert done[0].error == "engine:unavailable: overloaded"
    assert len(server.calls) == 3


def test_a_server_that_never_answers_is_a_user_error():
    settings = EndpointSettings(kind="endpoint", url="http://127.0.0.1:9/v1", model="m", outage_timeout=0.5)
    with pytest.raises(UserError, match="the endpoint does not answer"):
        asyncio.run(Endpoint(settings).complete([ask()]))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, r"refuses access: wrong key \(set VENDOR_KEY on the driver and the executors"),
        (403, "refuses access"),
        (404, "does not know the model `m`"),
    ],
)
def test_refused_access_is_a_user_error_with_a_cure(status, message):
    with pytest.raises(UserError, match=message):
        complete(lambda *_: error(status, "wrong key"), [ask()], api_key_env="VENDOR_KEY")


def test_a_slow_answer_is_a_timeout_and_not_asked_for_again():
    async def slow(_body, _call):
        await asyncio.sleep(5)
        return choices(["late"])

    def behave(body, call):
        return slow(body, call)

    done, server = complete(behave, [ask()], request_timeout=0.2)
    assert done[0].error == "engine:timeout"
    assert len(server.calls) == 1


@pytest.mark.parametrize("answer", [{"choices": []}, {"nothing": 1}, {"choices": [{"index": 0, "finish_reason": "stop"}]}, [1]])
def test_an_answer_that_is_none_is_an_error_of_the_request(answer):
    done, _ = complete(lambda *_: web.json_response(answer), [ask()], retries=0)
    assert done[0].error.startswith("engine:unavailable: the answer is not")


def test_a_filtered_answer_is_an_error():
    answer = choices(["half of it"])
    answer["choices"][0]["finish_reason"] = "content_filter"
    done, _ = complete(lambda *_: answer, [ask()])
    assert (done[0].error, done[0].text) == ("engine:content_filter", "")


def test_a_context_that_is_too_long_is_seen_before_sending_or_in_the_answer(folder):
    long = ask("tide " * 100)
    done, server = complete(echo, [long, ask("a")], tokenizer=folder, max_model_len=60)
    assert [c.error for c in done] == ["prompt_too_long", None]
    assert done[0].prompt_tokens > 100
    assert len(server.calls) == 1
    message = "This model's maximum context length is 4096 tokens. However, your prompt contains at least 4097 input tokens"
    assert complete(lambda *_: error(400, message), [long])[0][0].error == "prompt_too_long"


def test_a_completion_has_what_room_is_left_where_a_recipe_says_how_little_is_enough(folder):
    def asked(text: str, least: int) -> Request:
        return Request((Message("user", text),), Sampling(max_tokens=40, least_tokens=least))

    [alone], _ = complete(echo, [asked("tide " * 30, 10)], tokenizer=folder)
    context = alone.prompt_tokens + 20
    requests = [asked("tide " * 30, 10), asked("a", 10), asked("tide " * 30, 35), asked("tide " * 100, 10)]
    done, server = complete(echo, requests, tokenizer=folder, max_model_len=context)
    assert [completion.error for completion in done] == [None, None, "prompt_too_long", "prompt_too_long"]
    bodies = [body for _, body, _ in server.calls]
    assert sorted(body["max_tokens"] for body in bodies) == [20, 40]
    assert not any("least_tokens" in body for body in bodies), "no server knows it"
    assert requests[0].digest == asked("tide " * 30, 20).digest, "recordings are found whatever is enough"
    complete(echo, [asked("a", 10)], tokenizer=folder, max_model_len=40)  # all 40 tokens would never fit


def test_a_context_that_no_prompt_can_fit_is_a_user_error(folder):
    with pytest.raises(UserError, match=r"asks for 8 output tokens, but the model's context has only 8 .*raise the engine's max_model_len"):
        complete(echo, [ask("a")], tokenizer=folder, max_model_len=8)


def test_without_a_tokenizer_messages_go_to_the_chat_endpoint_one_a_call(monkeypatch):
    monkeypatch.setenv("VENDOR_KEY", "secret")

    def behave(body, _call):
        content = body["messages"][-1]["content"].upper()
        usage = {"prompt_tokens": 11, "completion_tokens": 5}
        return {"choices": [{"index": 0, "message": {"content": content}, "finish_reason": "length"}], "usage": usage}

    requests = [ask("a", schema='{"type":"object"}', seed=3), ask("b", schema='{"type":"object"}', seed=4)]
    config = {"api_key_env": "VENDOR_KEY", "chat_template_args": {"enable_thinking": False}, "extra_body": {"top_p": None, "user": "u"}}
    done, server = complete(behave, requests, batch_size=2, **config)
    assert done == [Completion("A", "length", 11, 5), Completion("B", "length", 11, 5)]
    path, body, headers = min(server.calls, key=lambda call: call[1]["seed"])
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "a"}],
        "max_tokens": 8,
        "temperature": 0.7,
        "seed": 3,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        "chat_template_kwargs": {"enable_thinking": False},
        "user": "u",
    }


def test_a_schema_that_leaves_nothing_open_is_asked_for_strictly(folder):
    closed = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"], "additionalProperties": False}
    for schema, strict in ((closed, True), ({"type": "object"}, None)):
        _, server = complete(lambda *_: choices(["{}"]), [ask("a", schema=json.dumps(schema))], tokenizer=folder)
        asked = server.calls[0][1]["response_format"]["json_schema"]
        assert (asked["schema"], asked.get("strict")) == (schema, strict)


def test_servers_that_may_refuse_them_get_no_bounds_of_texts(folder):
    short = {
        "type": "object",
        "properties": {"label": {"type": "string", "minLength": 1, "maxLength": 8, "pattern": "^a"}, "maxLength": {"type": "integer"}},
    }
    _, server = complete(lambda *_: choices(["{}"]), [ask("a", schema=json.dumps(short))], tokenizer=folder)
    properties = server.calls[0][1]["response_format"]["json_schema"]["schema"]["properties"]
    assert properties == {"label": {"type": "string"}, "maxLength": {"type": "integer"}}


@pytest.mark.parametrize(
    ("answer", "text"), [('{"score": 4}', '{"score": 4}'), ('I think so.</think>\n{"score": 4}', '{"score": 4}'), ("I think it is", "")]
)
def test_json_is_the_answer_also_where_the_template_begins_with_reasoning(answer, text, tmp_path):
    folder = make_tokenizer(tmp_path, "{% for m in messages %}{{ m.content }}{% endfor %}<think>\n")
    [done], _ = complete(lambda *_: choices([answer]), [ask("a", schema='{"type":"object"}')], tokenizer=str(folder))
    assert done.text == text


def test_plain_text_goes_to_completions_even_without_a_tokenizer():
    _, server = complete(lambda *_: choices(["fine"]), [Request((Message("text", "Once"),), SAMPLING)])
    assert server.calls[0][0] == "/v1/completions"
    assert server.calls[0][1]["prompt"] == "Once"


def test_seeds_go_one_a_call_and_only_where_asked(folder):
    requests = [ask("a", seed=1), ask("b", seed=2)]
    _, server = complete(echo, requests, tokenizer=folder, batch_size=2)
    assert sorted(body["seed"] for _, body, _ in server.calls) == [1, 2]
    _, server = complete(echo, requests, tokenizer=folder, batch_size=2, seeds=False)
    assert not any("seed" in body for _, body, _ in server.calls)


def test_settings_are_checked_without_the_endpoint(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config = EndpointSettings(kind="endpoint", url="https://api.example.com/v1", model="m")
    with pytest.raises(UserError, match="OPENAI_API_KEY is not set"):
        config.check()
    with pytest.raises(UserError, match="not an http"):
        config.model_copy(update={"url": "localhost:8000/v1"}).check()
    for url in ("http://localhost:8000/v1", "https://localhost:8000/v1", "http://vllm.default.svc:8000/v1"):
        config.model_copy(update={"url": url}).check()
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    config.check()


@pytest.mark.parametrize("bypassed", ["", "far.invalid"])
def test_calls_go_by_the_proxy_of_the_environment(bypassed, monkeypatch):
    async def run():
        async with serving(lambda _body, _call: choices(["The sea"])) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
            monkeypatch.setenv("no_proxy", bypassed)
            settings = EndpointSettings(kind="endpoint", url="http://far.invalid/v1", model="m", retries=0, outage_timeout=0.1)
            async with Endpoint(settings) as engine:
                return await engine.complete([ask()]), proxy

    if bypassed:
        with pytest.raises(UserError, match=r"far\.invalid"):
            asyncio.run(run())
        return
    [completion], proxy = asyncio.run(run())
    assert completion.text == "The sea"
    assert proxy.calls[0][2]["Host"] == "far.invalid"
