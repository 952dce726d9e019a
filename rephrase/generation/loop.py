"""Rows to requests to engine to rows: one loop that keeps the engine's queue full and loses nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest

import pyarrow as pa

from rephrase.engines.base import CONTENT_FILTER, CRASH, Completion, Engine, Identity, Request, is_engine_error, was_asked
from rephrase.engines.finish_reasons import settled
from rephrase.engines.reasoning import tokens_of
from rephrase.errors import UserError
from rephrase.generation.step_run import StepRun, cleaned, is_failed
from rephrase.generation.tally import Tally, UnderWay
from rephrase.recipes.base import Answer, Parsed, Prompt, Row
from rephrase.records import GENERATION
from rephrase.text.foreign import readable

_FIRST = 100  # answers after which an engine that answers next to nothing is told from one that fails now and then


@dataclass(slots=True)
class _Pending:
    """A row whose prompts are being answered."""

    row: Row
    waiting: int = 0
    number: int = 0  # prompts and samples so far
    answers: list[tuple[int, Answer, Request]] = field(default_factory=list)


@dataclass(frozen=True)
class _Work:
    """What one step of a recipe has come to."""

    step_run: StepRun
    tally: Tally = field(default_factory=Tally)
    done: list[_Pending] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request in flight, and where its answer goes."""

    work: _Work
    pending: _Pending
    number: int
    prompt: Prompt
    request: Request
    tokens_before: tuple[int, ...] = (0, 0, 0)  # of earlier attempts: prompt, completion and, of the latter, reasoning


_Sent = asyncio.Task[list[tuple[_Ask, Completion]]]


async def generate(
    rows: Iterable[Row], step_run: StepRun, engine: Engine, *, part: tuple[int, int] = (0, 1), max_engine_errors: float = 1.0
) -> tuple[pa.Table, Tally]:
    """Answer all prompts of a step for some rows. Returns GENERATION rows in the order of rows and prompts, and the tally.

    `part` (i, n) takes every n-th prompt of each row from the i-th on, for steps that fan out. Raises `UserError` from the engine, and
    when the share of requests that end in an engine error is above `max_engine_errors`, of all or already of the first 100; the message
    names the most frequent cause, as it was told first: what differs in numbers alone is one cause. What a server's filter refuses does
    not count: it is the document's doing; nor does a prompt that could not be asked, unless none of several could.
    """
    [result] = await generate_together(rows, [step_run], engine, part=part, max_engine_errors=max_engine_errors)
    return result


async def generate_together(
    rows: Iterable[Row],
    step_runs: Sequence[StepRun],
    engine: Engine,
    *,
    part: tuple[int, int] = (0, 1),
    max_engine_errors: float = 1.0,
    under_way: UnderWay | None = None,
) -> list[tuple[pa.Table, Tally]]:
    """Answer the prompts of several steps for the same rows, passage by passage. Returns what `generate` does for each step.

    `under_way` tells meanwhile how far it is.

    The steps' prompts for one passage are in the engine at the same time, so that prompts which begin with the passage share its cache.
    """
    started = time.monotonic()
    works = [_Work(step_run) for step_run in step_runs]
    under_way = under_way or UnderWay()
    under_way.tallies += [work.tally for work in works]
    queue = _asks(rows, works, part, under_way)
    again: deque[_Ask] = deque()
    running: set[_Sent] = set()
    ended: asyncio.Queue[_Sent] = asyncio.Queue()  # `asyncio.wait` would look at all that run each time that one ends
    in_flight = 0
    try:
        while True:
            while in_flight < engine.concurrency:
                batch = _next_batch(queue, again, min(engine.batch_size, engine.concurrency))
                if not batch:
                    break
                in_flight += len(batch)
                sent = asyncio.create_task(_send(engine, batch))
                sent.add_done_callback(ended.put_nowait)
                running.add(sent)
            if not running:
                break
            finished = [await ended.get()]
            while not ended.empty():
                finished.append(ended.get_nowait())
            for sent in finished:
                running.discard(sent)
                answered = sent.result()
                in_flight -= len(answered)
                for ask, completion in answered:
                    following = _take(ask, completion)
                    if following:
                        again.append(following)
                    if following is None or following.number != ask.number:  # else the same prompt is asked again
                        under_way.answered += 1
                        under_way.asked += following is not None
            for work in works:  # each crash costs a start of the engine: do not wait for the end of a unit in which all are
                _refuse_if_broken(work.tally, max_engine_errors, _FIRST)
    finally:
        for sent in running:
            sent.cancel()
    results = []
    for work in works:
        records = [row for pending in work.done for row in _records(pending, work, engine.identity)]
        work.tally.seconds = (time.monotonic() - started) / len(works)
        _refuse_if_broken(work.tally, max_engine_errors)
        if max_engine_errors < 1:
            _refuse_if_none_was_asked(work)
        results.append((pa.Table.from_pylist(records, schema=GENERATION), work.tally))
    return results


def requests_of(rows: Iterable[Row], step_run: StepRun) -> list[Request]:
    """The requests that a step makes of some rows, before it has an answer."""
    return counted_requests(rows, step_run)[0]


def counted_requests(rows: Iterable[Row], step_run: StepRun) -> tuple[list[Request], Tally]:
    """The same, with the rows that the recipe takes and their passages; `requests` counts also what no model is asked."""
    work = _Work(step_run)
    asks = list(_asks(rows, [work], (0, 1), UnderWay()))
    work.tally.requests = len(asks)
    return [ask.request for ask in asks if ask.prompt.ready is None], work.tally


def _asks(rows: Iterable[Row], works: Sequence[_Work], part: tuple[int, int], under_way: UnderWay) -> Iterator[_Ask]:
    for row in rows:
        several = [_asks_of_row(row, work, part) for work in works]
        for asks in several if len(several) == 1 else [_taking_turns(several)]:
            for ask in asks:
                under_way.asked += 1
                yield ask
        under_way.rows += 1


def _taking_turns(several: Sequence[Iterator[_Ask]]) -> Iterator[_Ask]:
    for turn in zip_longest(*several):
        yield from (ask for ask in turn if ask is not None)


def _asks_of_row(row: Row, work: _Work, part: tuple[int, int]) -> Iterator[_Ask]:
    step_run, tally = work.step_run, work.tally
    if step_run.recipe.when is not None and not step_run.recipe.when.accepts(row.document):
        return
    pending = _Pending(row)
    work.done.append(pending)
    tally.documents += 1
    spans = set()
    index, parts = part
    for number, whole in islice(enumerate(step_run.prompts(row)), index, None, parts):
        for sample in range(step_run.step.samples if not is_failed(whole) else 1):
            prompt, request = step_run.asked(row, number, whole, sample)
            spans.add(prompt.span)
            pending.waiting += 1
            yield _Ask(work, pending, pending.number, prompt, request)
            pending.number += 1
    tally.passages += len(spans)


def _next_batch(queue: Iterator[_Ask], again: deque[_Ask], size: int) -> list[_Ask]:
    """Up to `size` asks of equal sampling and schema, those that are asked again first."""
    batch: list[_Ask] = []
    while len(batch) < size:
        ask = again.popleft() if again else next(queue, None)
        if ask is None:
            break
        if batch and (ask.request.sampling, ask.request.schema) != (batch[0].request.sampling, batch[0].request.schema):
            again.appendleft(ask)
            break
        batch.append(ask)
    return batch


async def _send(engine: Engine, batch: list[_Ask]) -> list[tuple[_Ask, Completion]]:
    asks = [ask for ask in batch if ask.prompt.ready is None]
    completions = await engine.complete([ask.request for ask in asks]) if asks else []
    ready = [(ask, ask.prompt.ready) for ask in batch if ask.prompt.ready is not None]
    return [*zip(asks, map(settled, completions), strict=True), *ready]


def _take(ask: _Ask, completion: Completion) -> _Ask | None:
    """Parse and file one answer. Returns the ask to send next: the same again if this one did not parse, or the one that follows it."""
    request, step_run, tally = ask.request, ask.work.step_run, ask.work.tally
    tally.requests += 1
    completion = cleaned(completion)
    parsed = Parsed(error=readable(completion.error)) if completion.error else step_run.parse(ask.prompt, completion)
    counts = (completion.prompt_tokens, completion.completion_tokens, tokens_of(completion))
    tokens = tuple(before + count for before, count in zip(ask.tokens_before, counts, strict=True))
    if parsed.error and not completion.error and request.attempt < step_run.first_attempt + step_run.step.retries:
        tally.retried += 1
        following = step_run.request(ask.pending.row, ask.prompt, request.sample, request.attempt + 1)
        return replace(ask, request=following, tokens_before=tokens)
    tally.prompt_tokens += tokens[0]
    tally.completion_tokens += tokens[1]
    tally.reasoning_tokens += tokens[2]
    if completion.reused:
        tally.reused += 1
        tally.reused_tokens += tokens[1]
    if completion.error:
        tally.engine_errors += is_engine_error(completion.error)
    elif parsed.error:
        tally.parse_errors += 1
    if parsed.error:
        tally.add_cause(parsed.error)
    answer = Answer(ask.prompt, request.sample, completion, parsed)
    prompt = step_run.follow(ask.pending.row, answer)
    if isinstance(prompt, Parsed):
        answer, prompt = replace(answer, parsed=prompt), None
    ask.pending.waiting -= 1
    ask.pending.answers.append((ask.number, answer, request))
    if prompt is None:
        return None
    number = ask.pending.number
    ask.pending.waiting += 1
    ask.pending.number += 1
    return _Ask(ask.work, ask.pending, number, *step_run.asked(ask.pending.row, number, prompt, request.sample))


def _records(pending: _Pending, work: _Work, identity: Identity) -> Iterator[dict[str, object]]:
    assert pending.waiting == 0, "every request is answered before rows are made"
    answers = sorted(pending.answers, key=lambda item: item[0])
    requests = {id(answer): request for _, answer, request in answers}
    for output in work.step_run.outputs(pending.row, [answer for _, answer, _ in answers]):
        work.tally.generations += 1
        error = output.parsed.error
        work.tally.errors += error is not None
        if error and error != output.answer.parsed.error and was_asked(error):  # the step itself turned down what had parsed
            work.tally.parse_errors += 1
            work.tally.add_cause(error)
        yield work.step_run.record(pending.row, output, requests[id(output.answer)], identity)


def _refuse_if_broken(tally: Tally, max_engine_errors: float, first: int = 0) -> None:
    """Raise a `UserError` where too many requests failed: of all, or of the first so many, be they answered or not."""
    requests = tally.requests - tally.retried
    if tally.engine_errors == tally.causes[CRASH] == 1:
        return  # one bad prompt ends no run, however few others its unit has
    if tally.engine_errors > max_engine_errors * max(requests, first) and (not first or requests <= first):
        causes = [(c, n) for c, n in tally.causes.most_common() if is_engine_error(c) and not c.startswith(CONTENT_FILTER)]
        failed = sum(times for _, times in causes)
        if failed <= max_engine_errors * max(requests, first):
            return
        cause, times = causes[0]
        raise UserError(
            f"{failed} of {requests} requests of a unit failed, most often with `{tally.first_words[cause]}` ({times} times)",
            where="engine",
            cure="mend the cause and run again; only unfinished units are redone. `rewrite.max_engine_errors` sets the limit",
        )


def _refuse_if_none_was_asked(work: _Work) -> None:
    """Raise a `UserError` where none of several prompts could be asked: it is the template or the recipe that is wrong, not a document."""
    unasked = Counter({cause: times for cause, times in work.tally.causes.items() if not was_asked(cause)})
    if unasked.total() == work.tally.requests > 1:
        [(cause, times)] = unasked.most_common(1)
        cause = work.tally.first_words[cause]
        raise UserError(
            f"none of the {work.tally.requests} prompts of a unit could be asked, most often because of `{cause}` ({times} times)",
            where=f"{work.step_run.recipe.name}, step {work.step_run.step.name}",
            cure="mend the chat template, the tokenizer or the recipe, and run again",
        )
