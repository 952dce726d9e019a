"""The figures of one executor, made of what its workers and servers tell in a folder of their machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rephrase.live.figures import ExecutorFigures, Reading, ServerFigures, WorkerFigures

LATE = 45.0  # seconds after which what was told is no news
_MINUTE = 60.0


def executor_figures(
    executor: str,
    at: float,
    workers: Sequence[WorkerFigures],
    servers: Sequence[tuple[ServerFigures, ServerFigures]],
    before: ExecutorFigures | None,
    gpu_busy: float | None = None,
) -> ExecutorFigures:
    """What an executor tells at a Unix time.

    `workers` are those that work, and those that have worked for the job and are gone. `servers` are the first and the last reading of
    each, within the job. `before` is what the executor told last, whose readings go on.
    """
    busy = [worker for worker in workers if worker.units]
    asked = {worker.server for worker in busy}
    lively = [server for _, server in servers if server.server in asked and at - server.at < LATE]
    amid = _answered_amid_batches(workers, servers)
    tokens = sum(worker.tokens for worker in workers) + sum(last.tokens - first.tokens for first, last in servers)
    starting = next((worker.starting for worker in busy if worker.starting), "")
    read_at = min((server.at for server in lively), default=at)
    readings = _with_reading(before.readings if before else (), Reading(at=read_at, tokens=tokens))
    same = before is not None and before.readings and tokens <= before.readings[-1].tokens
    wrote_at = before.wrote_at if before is not None and same and not before.starting else at
    in_flight = sum(worker.in_flight for worker in busy)
    told = {server.server for server in lively}
    unread = sum(worker.in_flight for worker in busy if worker.server not in told)
    return ExecutorFigures(
        executor=executor,
        at=at,
        places=tuple(sorted({worker.place for worker in busy if worker.place})),
        trouble=next((worker.trouble for worker in busy if worker.trouble), ""),
        starting=starting,
        in_flight=in_flight,
        running=0 if starting else unread + sum(server.running for server in lively),
        waiting=sum(server.waiting for server in lively) if lively else None,
        quiet_since=None if starting else _quiet_since(busy, wrote_at),
        wrote_at=wrote_at,
        answers=sum(worker.answers for worker in workers) + sum(amid.values()),
        failed=sum(worker.failed for worker in workers),
        causes=dict(sum((Counter(worker.causes) for worker in workers), Counter[str]())),
        cache_queries=sum(last.cache_queries - first.cache_queries for first, last in servers),
        cache_hits=sum(last.cache_hits - first.cache_hits for first, last in servers),
        units=sum(worker.units for worker in busy),
        work_done=_work_done(busy, amid),
        gpu_busy=gpu_busy,
        readings=readings,
    )


def _answered_amid_batches(workers: Sequence[WorkerFigures], servers: Sequence[tuple[ServerFigures, ServerFigures]]) -> Mapping[str, int]:
    """By server, the requests that it has answered and not given back yet, as others of their call are still out."""
    amid = {}
    for first, last in servers:
        asking = [worker for worker in workers if worker.server == last.server]
        if first.answers is not None and last.answers is not None:
            ended = int(last.answers - first.answers) - sum(worker.returned for worker in asking)
            amid[last.server] = min(max(0, ended), sum(worker.in_flight for worker in asking))
    return amid


def _quiet_since(busy: Sequence[WorkerFigures], wrote_at: float) -> float | None:
    """Since when no answer came and no token was written."""
    quiet = [worker.quiet_since for worker in busy if worker.quiet_since is not None]
    return max(*quiet, wrote_at) if quiet else None


def _work_done(busy: Sequence[WorkerFigures], amid: Mapping[str, int]) -> float:
    done = 0.0
    for worker in busy:
        together = sum(other.in_flight for other in busy if other.server == worker.server)
        more = amid.get(worker.server, 0) * worker.in_flight / together if together else 0.0
        done += worker.work * worker.taken * min(1.0, (worker.answered + more) / max(worker.asked, 1))
    return done


def _with_reading(readings: Sequence[Reading], reading: Reading) -> tuple[Reading, ...]:
    """The readings with one more. The first that stays is the last before the first token: the start of an engine is no work."""
    if readings and reading.at <= readings[-1].at:  # no server was asked since
        return tuple(readings)
    if not reading.tokens:
        return (reading,)
    kept = [*(readings if readings and readings[-1].tokens else readings[-1:]), reading]
    return tuple(one for number, one in enumerate(kept) if number == 0 or reading.at - one.at <= _MINUTE)
