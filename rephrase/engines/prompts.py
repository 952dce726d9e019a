"""Chat messages to token ids, on our side, so that no text of a document can ever become a control token."""

from __future__ import annotations

import atexit
import functools
import gc
import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from rephrase.engines.base import Message
from rephrase.errors import UserError
from rephrase.records import content_id
from rephrase.text.controls import harmless_parts, is_control
from rephrase.text.counting import fast_encoder
from rephrase.text.hub import ask_hub, is_cached
from rephrase.text.panics import panics_as_errors
from rephrase.text.reasoning_marks import opens_reasoning
from rephrase.text.tokenizer import is_hub_id

_PROBES = ("x", "The tide rises twice a day because the Moon pulls the sea.")  # a template may want more than a letter

_OF_TOKENIZERS = ("tokenizer_config.json", "tokenizer.json", "config.json")  # in the hub's cache, where it has a tokenizer
_ASKS_FOR_TRUST = "trust_remote_code"  # in the error of transformers


class PromptError(Exception):
    """A prompt that the chat template or the tokenizer does not take, for what stands in it."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a template makes of a sequence of roles, whatever the messages say."""

    control_ids: list[int]
    opens_thinking: bool


class ChatPrompter:
    """Renders messages with a model's chat template and encodes them as the model's own chat endpoint would.

    A control token is an added token that is special, or that looks like one (`<…>`, `[…]`, `|…|`). Where a message spells
    one out, the text is cut inside it and the parts are encoded apart, so that it reaches the model as plain letters.
    """

    def __init__(
        self,
        tokenizer: str,
        chat_template_args: Mapping[str, Any] | None = None,
        *,
        revision: str | None = None,
        chat_template: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        """Load the tokenizer (once per process).

        `tokenizer` is a folder, a tokenizer.json or a hub id, `revision` a branch or commit of the hub repository, `chat_template`
        a Jinja text or the path of one, in place of the tokenizer's own. `chat_template_args` go to the template. `trust_remote_code`:
        run Python code that lies beside the tokenizer. Raises `UserError`, also for a tokenizer that is such code and not trusted.
        """
        self._name = tokenizer
        self._tokenizer = _load_tokenizer(tokenizer, revision, trust_remote_code)
        self._backend = self._tokenizer.backend_tokenizer
        self._encode_fast = fast_encoder(self._backend, controls=True)
        self._arguments = dict(chat_template_args or {})
        self._template = _read_template(chat_template)
        added = self._tokenizer.added_tokens_decoder
        controls = {token.content: number for number, token in added.items() if is_control(token)}
        self._control_ids = frozenset(controls.values())
        self._controls = tuple(controls)
        # Most texts hold not even the first two characters of a control token: one scan tells.
        starts = sorted({re.escape(token[:2]) for token in controls})
        self._maybe_control = re.compile("|".join(starts) or r"(?!)")
        plain = self._backend.encode("x")
        inner = [i for i, special in enumerate(plain.special_tokens_mask) if not special]
        self._text_prefix: list[int] = plain.ids[: inner[0]]
        self._text_suffix: list[int] = plain.ids[inner[-1] + 1 :]
        self._shapes: dict[tuple[str, ...], _Shape] = {}

    @property
    def template_digest(self) -> str | None:
        """Names the chat template with its arguments; None for a model without one."""
        template = self._template or self._tokenizer.chat_template
        if not template:
            return None
        return content_id(orjson.dumps([template, self._arguments], option=orjson.OPT_SORT_KEYS).decode())[:16]

    def token_ids(self, messages: Sequence[Message]) -> list[int]:
        """The prompt as token ids, up to where the model's answer begins.

        A single message with the role `text` is encoded without template, with the tokenizer's own first token (BOS), if it
        has one. Raises `PromptError` where the template or the tokenizer does not take this content, and `UserError` for chat messages
        where the model has no chat template, or one that refuses these roles whatever the messages say.
        """
        shape = None if _is_text(messages) else self._shape(messages)
        try:
            with panics_as_errors():
                return self._text_ids(messages[0].content) if shape is None else self._chat_ids(messages, shape)
        except Exception as error:
            raise PromptError(f"{error}" or type(error).__name__) from error

    def _text_ids(self, text: str) -> list[int]:
        ids = self._encode(text)
        if self._controls_in(ids):
            ids = [i for part in self._harmless_parts(text) for i in self._encode(part)]
        return [*self._text_prefix, *ids, *self._text_suffix]

    def _chat_ids(self, messages: Sequence[Message], shape: _Shape) -> list[int]:
        contents = [message.content for message in messages]
        if not any(self._spells_control(content) for content in contents):
            ids = self._encode(self._render(messages, contents))
            if self._controls_in(ids) == shape.control_ids:
                return ids
        return self._cut_ids(messages, shape)

    def count(self, messages: Sequence[Message]) -> int:
        """The tokens of a prompt; 0 for one that `token_ids` refuses for what stands in it, which is not sent."""
        try:
            return len(self.token_ids(messages))
        except PromptError:
            return 0

    def opens_thinking(self, messages: Sequence[Message]) -> bool:
        """Whether the prompt ends inside reasoning, so that the completion begins with reasoning."""
        return not _is_text(messages) and self._shape(messages).opens_thinking

    def _shape(self, messages: Sequence[Message]) -> _Shape:
        roles = tuple(message.role for message in messages)
        shape = self._shapes.get(roles)
        if shape is None:
            rendered = self._render_probe(messages)
            ids = self._controls_in(self._encode(rendered))
            shape = self._shapes[roles] = _Shape(ids, opens_reasoning(rendered))
        return shape

    def _render_probe(self, messages: Sequence[Message]) -> str:
        if not (self._template or self._tokenizer.chat_template):
            raise UserError(
                "the model has no chat template, and the recipe sends chat messages",
                where=self._name,
                cure="use an instruction-tuned model, give --chat-template FILE in the engine's args, or a recipe for base models",
            )
        refusals = []
        for text in _PROBES:
            try:
                return self._render(messages, [text] * len(messages))
            except Exception as error:  # noqa: BLE001  # a template is a program
                refusals.append(error)
        roles = ", ".join(m.role for m in messages)
        raise UserError(
            f"the chat template refuses messages with the roles {roles}: {refusals[0]}",
            where=self._name,
            cure="use a model or a recipe whose messages fit, or check chat_template_args",
        ) from refusals[0]

    def _cut_ids(self, messages: Sequence[Message], shape: _Shape) -> list[int]:
        cut = _cut_mark(messages)
        parts = [self._harmless_parts(message.content) for message in messages]
        ids: list[int] = []
        # Cuts inside messages do, unless a message and the template together spell a control token: then the seams
        # between them are cut too, and nothing that the tokenizer sees holds characters of both.
        for seams in (False, True):
            contents = [cut.join(part) for part in parts]
            if seams:
                contents = [_with_seams(content, cut) for content in contents]
            rendered = self._render(messages, contents)
            ids = [i for part in rendered.split(cut) for i in self._encode(part)]
            if self._controls_in(ids) == shape.control_ids:
                break
        return ids

    def _harmless_parts(self, text: str) -> list[str]:
        return harmless_parts(lambda part: self._backend.encode(part, add_special_tokens=False), self._control_ids, text)

    def _spells_control(self, text: str) -> bool:
        return bool(self._maybe_control.search(text)) and any(token in text for token in self._controls)

    def _controls_in(self, ids: list[int]) -> list[int]:
        return [i for i in ids if i in self._control_ids]

    def _encode(self, text: str) -> list[int]:
        if self._encode_fast is not None:
            fast: list[int] = self._encode_fast(text).tolist()
            return fast
        [encoding] = self._backend.encode_batch_fast([text], add_special_tokens=False)  # without offsets, which take as long as the ids
        ids: list[int] = encoding.ids
        return ids

    def _render(self, messages: Sequence[Message], contents: Sequence[str]) -> str:
        turns = [{"role": m.role, "content": content} for m, content in zip(messages, contents, strict=True)]
        rendered: str = self._tokenizer.apply_chat_template(
            turns, chat_template=self._template, tokenize=False, add_generation_prompt=True, **self._arguments
        )
        return rendered


def _is_text(messages: Sequence[Message]) -> bool:
    return len(messages) == 1 and messages[0].role == "text"


def _cut_mark(messages: Sequence[Message]) -> str:
    """A string that no message holds: a number between two private-use characters, so that it cannot begin in one message's text."""
    marks = (f"\ue000{number}\ue001" for number in itertools.count())
    return next(mark for mark in marks if not any(mark in message.content for message in messages))


def _with_seams(content: str, cut: str) -> str:
    # Inside the outer white space, because many templates strip it.
    core = content.strip()
    if not core:
        return content
    start = content.index(core)
    return content[:start] + cut + core + cut + content[start + len(core) :]


def _read_template(template: str | None) -> str | None:
    if template is None or "{" in template:
        return template
    try:
        with open(template, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise UserError(f"cannot read the chat template: {error.strerror}", where=template, cure="give the path of a Jinja file") from error


@functools.lru_cache(maxsize=4)
def _load_tokenizer(name: str, revision: str | None, trusted: bool) -> Any:
    try:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast
    except ImportError as error:
        raise UserError(
            "prompts are tokenised with transformers, which is not installed", where=name, cure="pip install transformers"
        ) from error

    try:
        if name.endswith(".json") and os.path.isfile(name):
            settings = os.path.join(os.path.dirname(name), "tokenizer_config.json")
            if os.path.exists(settings):
                tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(name), mistral_format=False, trust_remote_code=trusted)
            else:
                tokenizer = PreTrainedTokenizerFast(tokenizer_file=name)
        else:
            if is_hub_id(name) and not any(is_cached(name, file, revision) for file in _OF_TOKENIZERS):
                ask_hub(name, revision, files="")
            # mistral-common's tokenizer has neither a Jinja template nor offsets.
            tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, mistral_format=False, trust_remote_code=trusted)
    except (OSError, ValueError, ImportError, KeyError, orjson.JSONDecodeError) as error:
        reason = str(error).strip().split("\n")[0]
        cure = "check the folder or the hub id; gated models need HF_TOKEN"
        if _ASKS_FOR_TRUST in str(error):
            reason = "it is Python code that lies beside the model, and would run with all rights of yours"
            cure = "look at that code; an engine of kind vllm runs it with `trust_remote_code: true`"
        raise UserError(f"the tokenizer does not load: {reason}", where=name, cure=cure) from error
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise UserError(
            "the tokenizer has no tokenizer.json", where=name, cure="convert it with transformers, or use an endpoint without tokenizer"
        )
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    # The library leaves half a million objects for good: to look through them again and again would take longer than some requests do.
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # libraries warn of what is left at the end
    return tokenizer
