"""The inference service, for real."""

from __future__ import annotations

import threading

import pytest

from weft.models import service
from weft.models.service import Cache, Metrics, Model, OrderedService, Request, Service


def test_the_answers_do_not_depend_on_the_workers() -> None:
    alone = service.right(workers=1, requests=12)
    assert alone == service.right(workers=4, requests=12)
    assert len(set(alone)) > 1
    assert -1 not in alone


def test_a_repeated_question_gets_the_same_answer() -> None:
    answers = service.right(workers=3, requests=9, distinct=3)
    assert answers == answers[:3] * 3


def test_the_model_reads_every_token_and_stays_within_the_width() -> None:
    model = Model(tokens=4, width=16)
    answers = {model.answer(bytes([number])) for number in range(40)}
    assert answers <= set(range(16))
    assert len(answers) > 4


def test_a_miss_is_stored_and_a_hit_is_counted() -> None:
    metrics = Metrics()
    cache = Cache(metrics)
    assert cache.look_up(b"key") is None
    cache.store(b"key", 3)
    assert cache.look_up(b"key") == 3
    assert (metrics.hits, metrics.misses, cache.size()) == (1, 1, 1)


@pytest.mark.parametrize("kind", [Service, OrderedService])
def test_both_reports_say_the_same_when_nothing_else_runs(kind: type[Service]) -> None:
    idle = kind(Model(2, 8), b"document", 2)
    for request in (Request(0, "a"), Request(1, "a"), None):
        idle.requests.put(request)
    idle.work()
    assert idle.report() == "1 hits, 1 misses, 1 cached"


def test_wrong_gives_the_right_answers_when_the_report_comes_before_the_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start

    def wait_for_the_reporter(thread: threading.Thread) -> None:
        start(thread)
        if thread.name == "reporter":
            thread.join()

    monkeypatch.setattr(threading.Thread, "start", wait_for_the_reporter)
    assert service.wrong(requests=5) == service.right(requests=5)
