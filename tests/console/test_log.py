"""What the console's log says, as JSON and as text, and what it never says."""

import json
import logging
from dataclasses import replace

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.db import transaction
from django.http import HttpResponse

from bedside.audit.entry import Thing
from bedside.console.journal.actions import person, record
from bedside.console.log import JsonFormatter, TextFormatter, bind, bound, name_process, told
from bedside.console.project.config import LogConfig
from bedside.console.project.log import log_request, logging_settings
from bedside.console.project.middleware import trace_request
from bedside.vocabulary import JournalAction


def record_of(message, *args, name="bedside.web", level=logging.INFO, extra=None, exc_info=None):
    made = logging.LogRecord(name, level, __file__, 1, message, args, exc_info)
    made.__dict__.update(extra or {})
    return made


def line(*given, **options):
    return json.loads(JsonFormatter().format(record_of(*given, **options)))


def test_a_line_has_its_event_its_process_and_the_ids_of_where_it_is():
    name_process("live")
    with bound(request="R"):
        bind(session="S", device="")
        told_line = line("the duty %s failed", "seal", extra=told("duty_failed", duty="seal"))
    name_process("command")
    assert told_line.pop("at_ms") > 0
    assert told_line == {
        "level": "info",
        "event": "duty_failed",
        "process": "live",
        "request": "R",
        "session": "S",
        "duty": "seal",
    }


def test_what_was_bound_ends_with_its_request():
    with bound(request="R"):
        bind(session="S")
    bind(session="nowhere")
    assert "session" not in line("later")


def test_another_packages_values_stay_out_of_both_forms():
    made = record_of("%s: %s", "Not Found", "/activate/secret-code", name="django.request")
    for formatter in (JsonFormatter(), TextFormatter()):
        told_line = formatter.format(made)
        assert "secret-code" not in told_line
        assert "Not Found: …" in told_line.replace("\\u2026", "…")


@pytest.mark.parametrize(
    ("message", "values", "words"),
    [
        (
            'HTTP Request: %s %s "%s %d %s"',
            ("POST", "https://siem.example/x?token=y", "HTTP/1.1", 200, "OK"),
            'HTTP Request: POST … "HTTP/1.1 200 OK"',
        ),
        ("%d of %.1f for %r", (4711, 0.5, "Marie"), "… of … for …"),
        ("100 % of %(name)s", ({"name": "Marie"},), "100 % of %(name)s"),
        ("nothing", (), "nothing"),
    ],
)
def test_another_packages_words_keep_what_http_says(message, values, words):
    assert line(message, *values, name="httpx")["message"] == words


def test_djangos_own_lines_name_the_page_and_not_its_address(rf):
    request = rf.get("/activate/secret-code")
    request.resolver_match = type("Match", (), {"view_name": "activate"})()
    extra = {"request": request, "status_code": 500}
    made = record_of("%s: %s", "x", request.path, name="django.request", extra=extra)
    assert json.loads(JsonFormatter().format(made))["view"] == "activate"
    assert TextFormatter().format(made).endswith("view=activate status=500")


def test_an_error_keeps_what_a_database_says_of_rows_to_itself():
    try:
        raise ValueError("exists\nDETAIL: someone@example.com")
    except ValueError as error:
        told_line = line("failed", exc_info=(ValueError, error, error.__traceback__))
    assert (told_line["error"], told_line["told"]) == ("ValueError", "exists")
    assert "someone" not in json.dumps(told_line)


@pytest.fixture
def acts(caplog):
    caplog.set_level(logging.INFO, "bedside.journal")
    return lambda: [each.fields for each in caplog.records if each.name == "bedside.journal"]


def act():
    record(
        JournalAction.JOURNAL_LOG_OPENED,
        actor=person("P1", "Marie Tremblay"),
        thing=Thing("device", "CI-1"),
        session="01JD0000000000000000000000",
        detail={"address": "192.0.2.1"},
    )


@pytest.mark.django_db(transaction=True)
def test_an_act_is_a_line_once_it_is_committed_with_ids_and_no_name(acts):
    with transaction.atomic():
        act()
        assert acts() == []
    (told_line,) = acts()
    assert told_line["device"] == "CI-1"
    assert told_line["session"] == "01JD0000000000000000000000"
    assert told_line["actor"] == "P1"
    assert not {"Marie Tremblay", "192.0.2.1"} & {str(value) for value in told_line.values()}


@pytest.mark.django_db(transaction=True)
def test_an_act_that_was_undone_is_none(acts):
    with transaction.atomic():
        act()
        transaction.set_rollback(True)
    assert acts() == []


def test_each_request_is_a_line_where_logs_are_json(rf, settings, caplog):
    settings.CONFIG = replace(settings.CONFIG, log=LogConfig("json"))
    caplog.set_level(logging.INFO, "bedside.web")
    request = rf.get("/devices/CI-1/?code=secret")
    match = type("Match", (), {"view_name": "device", "kwargs": {"device": "CI-1"}})()

    def view(request):
        request.resolver_match = match
        return HttpResponse("x")

    answer = trace_request(log_request(view))(request)
    (made,) = caplog.records
    assert made.event == "request_answered"
    assert (made.fields["view"], made.fields["status"]) == ("device", 200)
    assert "secret" not in str(made.fields)
    assert answer["X-Request-Id"] == request.request_id


def test_on_a_terminal_requests_and_acts_are_no_lines(rf):
    with pytest.raises(MiddlewareNotUsed):
        log_request(HttpResponse)
    assert logging_settings("text")["loggers"]["bedside.journal"]["level"] == "WARNING"
    assert logging_settings("json")["loggers"]["bedside.journal"]["level"] == "INFO"
