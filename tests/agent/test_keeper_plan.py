"""When the worker is started or killed."""

from bedside.agent.keeper_plan import (
    SILENT_LOOKS,
    STARTING_LOOKS,
    STOP_LIMIT_MS,
    WorkerFacts,
    WorkerStep,
    next_worker_step,
    restart_delay_ms,
    sync_delay_ms,
)


def test_work_starts_it_and_nothing_else_does():
    assert next_worker_step(WorkerFacts(running=False), 0) is WorkerStep.KEEP
    assert next_worker_step(WorkerFacts(running=False, has_work=True), 0) is WorkerStep.START
    assert next_worker_step(WorkerFacts(running=True, has_work=True), 0) is WorkerStep.KEEP


def test_a_worker_that_was_lost_waits_before_it_comes_back():
    facts = WorkerFacts(running=False, has_work=True, not_before_ms=500)
    assert next_worker_step(facts, 499) is WorkerStep.KEEP
    assert next_worker_step(facts, 500) is WorkerStep.START


def silent(looks, *, has_spoken):
    facts = WorkerFacts(running=True, has_spoken=has_spoken, silent_looks=looks)
    return next_worker_step(facts, 0)


def test_a_worker_that_says_nothing_is_killed():
    assert silent(SILENT_LOOKS, has_spoken=True) is WorkerStep.KEEP
    assert silent(SILENT_LOOKS + 1, has_spoken=True) is WorkerStep.KILL


def test_a_worker_that_is_slow_to_start_has_more_time_for_its_first_word():
    assert silent(STARTING_LOOKS, has_spoken=False) is WorkerStep.KEEP
    assert silent(STARTING_LOOKS + 1, has_spoken=False) is WorkerStep.KILL


def test_a_stop_is_obeyed_or_enforced():
    facts = WorkerFacts(running=True, stop_asked_ms=1000)
    assert next_worker_step(facts, 1000 + STOP_LIMIT_MS - 1) is WorkerStep.KEEP
    assert next_worker_step(facts, 1000 + STOP_LIMIT_MS) is WorkerStep.KILL


def test_delays_grow_to_their_limits():
    assert [restart_delay_ms(losses) for losses in (0, 1, 2, 50)] == [0, 0, 2000, 60_000]
    assert [sync_delay_ms(tries) for tries in (0, 1, 50)] == [1000, 4000, 900_000]
