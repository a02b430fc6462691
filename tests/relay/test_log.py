"""The relay's log: one line for each event, for as long as somebody reads it."""

import contextlib
import json
import os

from bedside.relay.log import Log


def test_a_line_has_its_event_its_relay_and_its_fields():
    reading, writing = os.pipe()
    with os.fdopen(reading) as lines, os.fdopen(writing, "w") as stream:
        Log("a", stream)("listening", port=443)
        said = json.loads(lines.readline())
    assert (said["event"], said["relay"], said["port"]) == ("listening", "a", 443)


def test_nobody_is_stopped_by_a_log_that_nobody_reads():
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", buffering=1)
    log = Log("a", stream)
    log("listening", port=443)
    log("stopped")
    with contextlib.suppress(OSError):
        stream.close()
