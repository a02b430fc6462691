from prometheus_client.core import Metric

from bedside.console.health.metrics import (
    REQUESTS,
    Requests,
    StateCollector,
    TallyCollector,
    registry_of,
    text_of,
)
from bedside.console.live.clockwork import Clockwork
from bedside.console.live.server import HttpServer, ServerLimits
from bedside.console.live.tallies import duties, listeners
from bedside.console.live.watch import Watch
from tests.console.health.readings import reading
from tests.observe.page import rows, written


def families() -> list[Metric]:
    counted = Requests()
    counted.note("device", "GET", status=200, seconds=0.01)
    servers = {name: HttpServer(None, ServerLimits()) for name in ("relays", "people")}
    return [
        *REQUESTS.collect(),
        *TallyCollector("web").collect(),
        *StateCollector(reading).collect(),
        *duties(Clockwork(None)),
        *listeners(servers, Watch(None, None)),
    ]


def test_the_page_lists_what_the_console_measures():
    assert sorted(rows(families(), "bedside_console_")) == sorted(written("bedside_console_"))


def test_a_reading_becomes_gauges():
    text = text_of(registry_of(StateCollector(reading))).decode()
    for line in (
        'bedside_console_devices_online{relay="a"} 12.0',
        'bedside_console_devices_relay_lost{relay="a"} 0.0',
        "bedside_console_devices_silent 3.0",
        'bedside_console_sessions{state="live_control"} 2.0',
        "bedside_console_outbox_dead_letters 0.0",
        'bedside_console_relay_seen_timestamp_seconds{relay="a"} 1.79999998e+09',
    ):
        assert line in text


def test_a_database_that_is_away_takes_its_gauges_with_it_and_nothing_else():
    text = text_of(registry_of(TallyCollector("worker"), StateCollector(lambda: None))).decode()
    assert "bedside_console_info" in text
    assert "bedside_console_sessions" not in text


def test_a_method_that_nobody_knows_is_one_label():
    counted = Requests()
    counted.note("device", "BREW", status=405, seconds=0.01)
    counted.note("device", "STEEP", status=405, seconds=0.01)
    text = text_of(registry_of()).decode()
    assert '{method="other",status="405",view="device"} 2.0' in text
    assert "BREW" not in text
