"""The console's spans, as a collector receives them."""

from dataclasses import replace

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.db import transaction
from django.http import HttpResponse

from bedside.audit.entry import Thing
from bedside.console.health.tracing import open_spans, trace_session_request, traces_are_off
from bedside.console.journal.actions import person, record
from bedside.console.journal.models import DeviceEntry
from bedside.console.live.traces import SessionTraces
from bedside.console.log import bind
from bedside.console.project.config import TracingConfig
from bedside.console.project.middleware import trace_request
from bedside.observe.spans import Spans
from bedside.observe.trace import ROOT, trace_id
from bedside.vocabulary import JournalAction
from tests.observe.collector import Collector
from tests.observe.packages import remove_packages

SESSION = "01JD0000000000000000000000"
MATCH = type("Match", (), {"view_name": "api:request", "kwargs": {}})()


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.close()


def at_console(action, at_ms):
    with transaction.atomic():
        record(
            action,
            actor=person("P", "Marie Tremblay"),
            thing=Thing("session", SESSION),
            device="CI-1",
            session=SESSION,
            at_ms=at_ms,
        )


def at_device(seq, action, at_ms):
    DeviceEntry.objects.create(
        device="CI-1", seq=seq, at_ms=at_ms, action=action, session=SESSION, line="", received_ms=1
    )


@pytest.mark.django_db(transaction=True)
def test_a_session_that_comes_to_its_prompt_is_sent_once_with_the_devices_times(collector):
    at_console(JournalAction.JOURNAL_LOG_OPENED, 1)
    spans = Spans(collector.endpoint)
    traces = SessionTraces(spans)
    at_console(JournalAction.SESSION_REQUEST_ALLOWED, 1_000)
    at_console(JournalAction.SESSION_REQUEST_ROUTED, 1_010)
    at_device(0, JournalAction.SESSION_CONSENT_ASKED, 1_050)
    at_device(1, JournalAction.SESSION_CONSENT_GIVEN, 6_000)
    at_device(2, "session:later:word", 6_001)
    traces.turn(0)
    at_device(3, JournalAction.SESSION_LIFE_LIVE, 9_000)
    traces.turn(0)
    at_device(4, JournalAction.SESSION_LIFE_ENDED, 10_000)
    at_console(JournalAction.SESSION_LIFE_ENDED, 10_001)
    traces.turn(0)
    spans.close()
    told = {each.name: (each.service, each.start_ms, each.end_ms) for each in collector.spans}
    assert len(collector.spans) == len(told) == 3
    assert told[ROOT] == ("bedside-console", 1_000, 9_000)
    assert told["the order reaches the device"] == ("bedside-console", 1_010, 1_050)
    assert told["the operator is asked"] == ("bedside-agent", 1_050, 6_000)


def ask(rf, settings, collector, method="post", session=SESSION):
    settings.CONFIG = replace(settings.CONFIG, tracing=TracingConfig(collector.endpoint))

    def view(request):
        bind(session=session)
        request.resolver_match = MATCH
        return HttpResponse(status=201)

    caused = {"traceparent": f"00-{7:032x}-{9:016x}-01"}
    trace_request(trace_session_request(view))(getattr(rf, method)("/x", headers=caused))


def test_a_request_that_changes_a_session_is_a_span_of_its_trace(rf, settings, collector):
    ask(rf, settings, collector, "get")
    ask(rf, settings, collector, session="")
    ask(rf, settings, collector)
    collector.wait_for(len)
    (span,) = collector.spans
    assert (span.service, span.name) == ("bedside-web", "POST api:request")
    assert span.trace == f"{trace_id(SESSION):032x}"
    assert span.attributes["http.response.status_code"] == 201
    assert span.links == ((f"{7:032x}", f"{9:016x}"),)


def test_without_a_collector_nothing_of_it_is_there():
    assert open_spans() is None
    with pytest.raises(MiddlewareNotUsed):
        trace_session_request(HttpResponse)


def test_packages_that_are_missing_are_a_line_of_log_and_requests_are_served(
    rf, settings, monkeypatch, caplog
):
    settings.CONFIG = replace(settings.CONFIG, tracing=TracingConfig("http://127.0.0.1:9"))
    assert not traces_are_off()
    remove_packages(monkeypatch)
    assert traces_are_off()
    with pytest.raises(MiddlewareNotUsed):
        trace_session_request(HttpResponse)
    (record,) = [each for each in caplog.records if getattr(each, "event", "") == "tracing_off"]
    assert record.levelname == "WARNING"
    assert "requirements/tracing.lock" in record.getMessage()
