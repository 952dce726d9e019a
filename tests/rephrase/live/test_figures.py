"""What an executor tells is the sum of its workers and servers; what a driver hears is the sum of its executors."""

from __future__ import annotations

from typing import Any

from rephrase.live.executor import executor_figures
from rephrase.live.figures import ExecutorFigures, Reading, ServerFigures, StageFigures, Totals, WorkerFigures
from rephrase.live.totals import totals_of
from rephrase.live.words import totals_in_words


def worker(pid: int = 1, **fields: Any) -> WorkerFigures:
    return WorkerFigures(pid=pid, **({"units": 1, "place": "http://a/v1"} | fields))


def server(at: float, tokens: float = 0, **fields: Any) -> ServerFigures:
    return ServerFigures(server="s", at=at, tokens=tokens, **fields)


def tell(at: float, workers: list[WorkerFigures], *servers: tuple, before: ExecutorFigures | None = None) -> ExecutorFigures:
    return executor_figures("here", at, workers, servers, before)


def test_an_endpoint_is_told_by_what_was_asked_of_it_and_came_back():
    before = None
    for at, tokens in ((100.0, 0), (105.0, 0), (110.0, 50), (115.0, 100), (120.0, 225)):
        workers = [worker(1, in_flight=8, tokens=tokens, answers=3, causes={"engine:timeout": 1}), worker(2, in_flight=4, units=2)]
        before = tell(at, workers, before=before)
    told = totals_of([(before, 0.0)])
    assert (told.running, told.waiting, told.units_in_flight, told.answers, told.errors) == (12, None, 3, 3, 1)
    assert told.tokens_per_second == 15
    assert told.most_frequent_error == "engine:timeout"
    assert "33.3% errors, most often engine:timeout" in totals_in_words(told)


def test_a_server_is_told_by_its_own_counts_since_the_job_began_and_before_any_call_has_ended():
    first = server(100, 5000, answers=70.0, cache_queries=100, cache_hits=100)
    before = None
    for at, tokens in ((101.0, 5000), (116.0, 6800)):
        last = server(at, tokens, answers=74.0, running=16, waiting=3, cache_queries=300, cache_hits=150)
        asking = worker(server="s", in_flight=20, asked=40, answered=10, returned=0, answers=10, taken=1.0, work=100.0)
        before = tell(at + 0.5, [asking], (first, last), before=before)
    told = totals_of([(before, 1.0)])
    assert told.tokens_per_second == 120
    assert (told.running, told.waiting, told.cached) == (16, 3, 0.25)
    assert told.answers == 14, "ten came back, four stand in a call that is still out"
    assert told.work_done == 35.0


def test_tokens_of_a_server_and_those_that_no_server_counts_add_up():
    before = None
    for at, tokens in ((100.0, 5000), (115.0, 5400), (130.0, 7600)):
        before = tell(at, [worker(server="s", tokens=300)], (server(100, 5000), server(at, tokens)), before=before)
    assert [reading.tokens for reading in before.readings] == [300, 700, 2900]


def test_what_a_worker_has_done_stays_when_it_is_at_nothing():
    idle = worker(units=0, tokens=500, answers=20, in_flight=0)
    told = totals_of([(tell(100.0, [idle, worker(2, answers=1)]), 0.0)])
    assert (told.answers, told.units_in_flight, told.running) == (21, 1, 0)


def test_the_time_in_which_an_engine_starts_does_not_lower_the_mean():
    before = None
    for at in range(0, 100, 5):
        before = tell(float(at), [worker(starting="vLLM for m starts", in_flight=4, quiet_since=0.0)], before=before)
    assert totals_in_words(totals_of([(before, 0.0)])) == ["vLLM for m starts"]
    ready = tell(100.0, [worker(in_flight=4, quiet_since=0.0)], before=before)
    assert totals_of([(ready, 0.0)]).stall == "", "requests that waited for its start do not wait for an answer"
    for at in (100, 105, 110, 115):
        before = tell(float(at), [worker(tokens=10 * (at - 95))], before=before)
    assert totals_of([(before, 0.0)]).mean_tokens_per_second == 10


def test_no_rate_is_told_before_it_is_worth_telling():
    before = None
    for at, tokens in ((100.0, 0), (102.0, 2), (104.0, 3)):
        before = tell(at, [worker(tokens=tokens, answers=1)], before=before)
    assert totals_in_words(totals_of([(before, 0.0)])) == ["1 answer"], "of the requests in flight few have begun to write"
    before = tell(115.0, [worker(tokens=300, answers=9)], before=before)
    assert "20 tokens/s now, 20 since the first token" in totals_in_words(totals_of([(before, 0.0)]))


def test_clocks_that_differ_by_an_hour_change_no_rate():
    readings = [(Reading(at=clock, tokens=0.0), Reading(at=clock + 30, tokens=300.0)) for clock in (0.0, 3600.0)]
    both = [(ExecutorFigures(executor="ab"[n], at=of[-1].at, readings=of), 1.0) for n, of in enumerate(readings)]
    assert totals_of(both).mean_tokens_per_second == 20


def test_a_stall_is_told_with_what_is_waited_for():
    waiting = worker(in_flight=12, quiet_since=100.0)
    before = tell(100.0, [waiting])
    assert totals_of([(tell(130.0, [waiting], before=before), 1.0)]).stall == ""
    stalled = totals_of([(tell(165.0, [waiting], before=before), 1.0)])
    assert totals_in_words(stalled)[0] == "no answer for 66 s: 12 requests wait at http://a/v1"
    assert stalled.all_stalled
    lively = tell(165.0, [worker(in_flight=3, quiet_since=160.0, place="http://b/v1")])
    some = totals_of([(tell(165.0, [waiting], before=before), 1.0), (lively, 1.0)])
    assert (bool(some.stall), some.all_stalled) == (True, False), "another server answers"


def test_a_server_that_says_why_it_gives_no_answers_is_told_at_once():
    failing = worker(in_flight=12, quiet_since=100.0, place="http://a/v1 (HTTP 503 full)", trouble="HTTP 503 full")
    before = tell(100.0, [failing])
    assert totals_of([(before, 1.0)]).stall == "", "the next try may succeed"
    told = totals_of([(tell(105.0, [failing], before=before), 1.0)])
    assert told.stall == "no answer for 6 s: 12 requests wait at http://a/v1 (HTTP 503 full)"


def test_a_server_that_writes_is_not_stalled_however_long_its_answers_take():
    before = tell(100.0, [worker(in_flight=1, quiet_since=0.0, server="s")], (server(100), server(100, 1)))
    before = tell(200.0, [worker(in_flight=1, quiet_since=0.0, server="s")], (server(100), server(200, 900)), before=before)
    assert totals_of([(before, 0.0)]).stall == ""
    hung = tell(270.0, [worker(in_flight=1, quiet_since=0.0, server="s")], (server(100), server(200, 900)), before=before)
    assert totals_of([(hung, 0.0)]).stall == "no answer for 70 s: 1 request waits at http://a/v1"


def test_an_executor_that_is_not_heard_is_told_and_its_present_is_not_counted():
    readings = (Reading(at=0.0, tokens=0.0), Reading(at=20.0, tokens=2000.0))
    figures = [ExecutorFigures(executor=name, at=20.0, units=1, running=5, answers=7, readings=readings) for name in "ab"]
    told = totals_of([(figures[0], 2.0), (figures[1], 100.0)])
    assert (told.running, told.answers, told.silent, told.tokens_per_second) == (5, 14, 1, 100)
    assert "1 of 2 executors not heard of late" in totals_in_words(told)


def test_what_is_no_number_is_not_read_back():
    for figure in ('"seconds": NaN', '"seconds_left": [1, Infinity]', '"totals": {"gpu_busy": NaN}'):
        assert StageFigures.from_json(f'{{"stage": "rewrite", "at": 1.0, {figure}}}'.encode()) is None


def test_a_start_in_several_lines_is_one():
    assert totals_in_words(Totals(starting=1, start="loads\n  weights")) == ["loads weights"]


def test_figures_are_read_back_and_what_is_none_is_passed_over():
    figures = StageFigures(stage="rewrite", at=1.0, seconds_left=(3.0, None), totals=Totals(answers=3))
    assert StageFigures.from_json(figures.to_json()) == figures
    assert StageFigures.from_json(b'{"stage": "rewrite", "at": 1.0, "of a later version": 3}') == StageFigures(stage="rewrite", at=1.0)
    assert StageFigures.from_json(b'{"stage": ') is None


def test_failed_requests_are_no_answers():
    failing = worker(answers=54, failed=38, causes={"engine:unavailable: cannot connect": 38})
    words = totals_in_words(totals_of([(tell(100.0, [failing]), 0.0)]))
    assert words == ["16 answers", "38 failed", "70.4% errors, most often engine:unavailable: cannot connect"]
    words = totals_in_words(totals_of([(tell(100.0, [worker(answers=3, failed=3)]), 0.0)]))
    assert words == ["3 failed"]
