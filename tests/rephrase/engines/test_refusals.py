"""A prompt that is too long costs its own row, in the words of any server, and nothing else passes for one."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
import yaml

from rephrase.engines.base import Sampling
from rephrase.engines.refusals import refusal_of
from tests.rephrase.engines.scripted import ask, choices, complete, error
from tests.rephrase.engines.test_answers import body

TOO_LONG = {
    "OpenAI": "This model's maximum context length is 8192 tokens. However, your messages resulted in 8545 tokens.",
    "OpenAI, newer": "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "OpenAI, configured": "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 330000 tokens.",
    "OpenAI, string": "Invalid 'messages[0].content': string too long. Expected a string with maximum length 1048576, but got 2000000.",
    "vLLM": "This model's maximum context length is 4096 tokens. However, your prompt contains at least 4097 input tokens.",
    "vLLM, newer": "You passed 5001 input tokens and requested 8 output tokens. However, the model's context length is only 4096 tokens",
    "vLLM, decoder": "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that",
    "vLLM, input": "Input length (5000) exceeds model's maximum context length (4096).",
    "vLLM, output": (
        "'max_tokens' or 'max_completion_tokens' is too large: 8. This model's maximum context length is 4096 tokens and your request has "
        "4090 input tokens (8 > 4096 - 4090)."
    ),
    "SGLang": "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
    "SGLang, requested": "Requested token count exceeds the model's maximum context length of 131072 tokens.",
    "SGLang, allowed": "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens). Use a shorter input or enable",
    "llama.cpp": "the request exceeds the available context size, try increasing it",
    "llama.cpp, newer": "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "llama.cpp, meanwhile": "Context size has been exceeded.",
    "llama-cpp-python": "Requested tokens (2285) exceed context window of 2048",
    "TGI": "Input validation error: `inputs` must have less than 1024 tokens. Given: 1168",
    "TGI, total": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 2044 `inputs` tokens and 8",
    "Groq": "Please reduce the length of the messages or completion.",
    "Cerebras": "Please reduce the length of the messages or completion. Current length is 42328 while limit is 40000",
    "Gemini": "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
    "Vertex": "Unable to submit request because the input token count is 1200293 but model only supports up to 1048576.",
    "Bedrock": "An error occurred (ValidationException): Input is too long for requested model.",
    "Bedrock, tokens": "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.",
    "Bedrock, characters": "Malformed input request: expected maxLength: 42000, actual: 46735, please reformat your input and try again.",
    "DashScope": "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
    "Anthropic": "prompt is too long: 213462 tokens > 200000 maximum",
    "Anthropic, output": "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length",
    "Mistral": "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
    "DeepSeek": "This model's maximum context length is 65536 tokens. However, you requested 69648 tokens.",
    "Together": "The input token count (5000) plus the requested output count (8) exceeds the model's maximum context length (4096)",
    "OpenRouter": "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens.",
    "Ollama": "prompt too long; exceeded max context length by 4096 tokens",
    "Ollama, input": "the input length exceeds the context length",
    "Cohere": "too many tokens: total number of tokens (prompt and prediction) cannot exceed 2048 - received 6354.",
    "Cohere, newer": "too many tokens: size limit exceeded by 11326 tokens. Try using shorter or fewer inputs",
    "xAI": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "LM Studio": "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)",
    "LM Studio, newer": "The number of tokens to keep from the initial prompt is greater than the context length.",
    "Moonshot": "Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)",
    "MiniMax": "invalid params, context window exceeds limit (2013)",
    "Zhipu": "Prompt exceeds max length",
    "Copilot": "prompt token count of 93854 exceeds the limit of 90000",
    "TensorRT-LLM": "The sum of prompt length (5000), query length (0) and max_tokens (8) should not exceed max_num_tokens (4096)",
    "watsonx": "Invalid input argument for Model: the number of input tokens 4123 cannot exceed the total tokens limit 4096 for this model",
    "Fireworks": "The prompt is too long: 140000, model maximum context length: 131071",
}

OTHERS = {
    "a rate of tokens": "Rate limit reached for gpt-4 on tokens per min (TPM): Limit 10000, Used 9000, Requested 2000.",
    "Groq's rate": "Request too large for model `m` on tokens per minute (TPM): Limit 6000, please reduce the length of the messages",
    "Bedrock's rate": "Too many tokens, please wait before trying again.",
    "a day's tokens": "Too many tokens per day, please wait before trying again.",
    "a quota": "You exceeded your current quota, please check your plan. Prompt is too long for the free tier's quota.",
    "OpenAI's output": "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000.",
    "Groq's output": "`max_tokens` must be less than or equal to `8192`, it is less than the `context_window`",
    "DashScope's output": "Range of max_tokens should be [1, 8192]",
    "TGI's output": "Input validation error: `max_new_tokens` must be <= 512. Given: 1000",
    "DeepSeek's output": "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
    "a field": "Invalid 'user': string too long. Expected a string with maximum length 64, but got 70.",
    "a token": "Token id 151937 is out of vocabulary",
    "a model": "The model `m` does not exist",
    "a stop list": "Invalid 'stop': array too long. Expected an array with maximum length 4",
    "an empty prompt": "prompt must not be empty; context length 4096",
}


@pytest.mark.parametrize("message", TOO_LONG.values(), ids=list(TOO_LONG))
@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_a_prompt_that_is_too_long_is_known_in_any_servers_words(message, status):
    assert refusal_of(status, message, (), max_tokens=8) == "prompt_too_long"


@pytest.mark.parametrize("message", OTHERS.values(), ids=list(OTHERS))
@pytest.mark.parametrize("status", [400, 429])
def test_nothing_else_passes_for_a_prompt_that_is_too_long(message, status):
    assert refusal_of(status, message, (), max_tokens=8) is None


@pytest.mark.parametrize(
    "message",
    [
        "'max_tokens' is too large: 5000. This model's maximum context length is 4096 tokens and your request has 10 input tokens",
        "This endpoint's maximum context length is 4,096 tokens. However, you requested about 5010 tokens",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 10 `inputs` tokens and 5000 `max_new_tokens`",
    ],
)
def test_where_the_output_alone_fills_the_context_it_is_the_recipe_that_asks_too_much(message):
    assert refusal_of(400, message, (), max_tokens=5000) is None
    assert refusal_of(400, message, (), max_tokens=50) == "prompt_too_long"
    [completion], _ = complete(lambda *_: error(400, message), [ask(sampling=Sampling(max_tokens=5000))])
    assert completion.error.startswith("engine:bad_request: ")


def refusing(status: int, answer: object):
    return lambda *_: body(json.dumps(answer), status=status)


def coded(status: int, **fields: object):
    return refusing(status, {"error": fields})


def test_a_rate_that_one_request_exceeds_is_no_long_prompt():
    assert refusal_of(413, OTHERS["Groq's rate"], ("rate_limit_exceeded",)) is None


@pytest.mark.parametrize(
    "behave",
    [
        coded(400, message="No.", code="context_length_exceeded", type="invalid_request_error"),
        coded(400, message="No.", type="exceed_context_size_error", code=400, n_ctx=256),
        coded(500, message="No.", type="exceed_context_size_error", code=500),
        coded(200, message="No.", code="context_length_exceeded"),
        coded(200, message=TOO_LONG["OpenRouter"], code=400),
        coded(400, message="Provider failed", code=400, metadata={"raw": '{"message": "prompt is too long: 9 tokens > 8 maximum"}'}),
        refusing(400, [{"error": {"code": 400, "message": TOO_LONG["Gemini"], "status": "INVALID_ARGUMENT"}}]),
        refusing(422, {"error": TOO_LONG["TGI"], "error_type": "validation"}),
        refusing(400, {"object": "error", "message": TOO_LONG["SGLang"], "code": 400}),
        lambda *_: body("Request Entity Too Large", "text/plain", status=413),
        lambda *_: body(TOO_LONG["Bedrock"], "text/plain", status=400),
    ],
)
def test_it_is_known_by_code_type_and_shape_and_not_asked_for_again(behave):
    [completion], server = complete(behave, [ask()])
    assert (completion.error, completion.text, completion.finish_reason) == ("prompt_too_long", "", "error")
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "behave",
    [
        coded(400, message="The response was filtered", code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
        coded(400, message="Your request was rejected as a result of our safety system.", code="content_policy_violation"),
        coded(400, message="Content Exists Risk", type="invalid_request_error", code="invalid_request_error"),
        coded(400, message="Input data may contain inappropriate content.", code="data_inspection_failed"),
        coded(403, message="m requires moderation on Provider. Your input was flagged for violence", code=403),
        coded(400, message="Output blocked by content filtering policy", type="invalid_request_error"),
        coded(200, message="系统检测到输入或生成内容可能包含不安全或敏感内容", code="1301"),
    ],
)
def test_what_a_filter_refuses_is_told_apart_and_not_asked_for_again(behave):
    [completion], server = complete(behave, [ask()])
    assert completion.error.startswith("engine:content_filter: ")
    assert len(server.calls) == 1


def test_a_passing_refusal_is_asked_again():
    [completion], server = complete(lambda _, call: error(429, OTHERS["Bedrock's rate"]) if call < 3 else choices(["fine"]), [ask()])
    assert (completion.text, len(server.calls)) == ("fine", 3)


def test_every_wording_has_its_server_and_its_source_and_takes_long_messages():
    table = yaml.safe_load(files("rephrase.engines").joinpath("refusals.yaml").read_text(encoding="utf-8"))
    wordings = [wording for refusal in ("prompt_too_long", "content_filter") for wording in table[refusal]["wordings"]]
    assert all({"server", "source", "pattern"} == set(wording) for wording in wordings)
    for awkward in ("input length " * 7000, "messages" * 12_000, "maximum context length " * 4000, " " * 100_000, "prompt length " * 7000):
        refusal_of(400, awkward, (), max_tokens=8)
