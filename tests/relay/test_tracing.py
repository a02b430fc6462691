import pytest

from bedside.observe.trace import root_id, trace_id
from bedside.relay.tracing import Tracing
from tests.observe.collector import Collector
from tests.relay.world import PATIENT, SESSION, offered, running


@pytest.mark.asyncio
async def test_how_long_legs_waited_for_each_other_is_a_span_of_the_session(tmp_path):
    collector = Collector()
    async with running(tmp_path, PATIENT, offered()) as world:
        tracing = Tracing(world.relay, collector.endpoint)
        await world.paired()
        tracing.close()
    (span,) = collector.spans
    assert (span.service, span.name) == ("bedside-relay", "the legs are paired")
    assert span.trace == f"{trace_id(SESSION):032x}"
    assert span.parent == f"{root_id(SESSION):016x}"
    assert 0 <= span.end_ms - span.start_ms < 60_000
    assert span.attributes == {
        "bedside.session": SESSION,
        "bedside.relay": "a",
        "bedside.connection": 0,
    }
    collector.close()
