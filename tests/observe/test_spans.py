import pytest

from bedside.observe.spans import Spans
from bedside.observe.trace import ROOT, Span, root_id, spans_of, trace_id
from tests.observe.collector import Collector
from tests.observe.test_trace import SESSION, WHOLE


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.close()


def test_a_collector_receives_one_trace_under_one_root(collector):
    spans = Spans(collector.endpoint)
    spans.send(*spans_of(SESSION, "CI-1", WHOLE))
    caused = f"00-{7:032x}-{9:016x}-01"
    spans.send(
        Span(service="bedside-web", name="POST sessions", session=SESSION, start_ms=990,
             end_ms=1_005, link=caused, number=4)
    )  # fmt: skip
    spans.close()
    assert len(collector.spans) == 7
    assert {each.trace for each in collector.spans} == {f"{trace_id(SESSION):032x}"}
    root = f"{root_id(SESSION):016x}"
    assert {each.name: each.parent for each in collector.spans}.pop(ROOT) == ""
    assert {each.parent for each in collector.spans if each.name != ROOT} == {root}
    assert [each.id for each in collector.spans if each.name == ROOT] == [root]
    (asked,) = [each for each in collector.spans if each.name == "the operator is asked"]
    assert (asked.service, asked.start_ms, asked.end_ms) == ("bedside-agent", 5_020, 9_000)
    assert asked.attributes == {"bedside.session": SESSION, "bedside.device": "CI-1"}
    (web,) = [each for each in collector.spans if each.service == "bedside-web"]
    assert web.links == ((f"{7:032x}", f"{9:016x}"),)


def test_a_collector_that_is_away_costs_nobody_anything(collector):
    spans = Spans("http://127.0.0.1:9")
    spans.send(*spans_of(SESSION, "CI-1", WHOLE))
    spans.send()
