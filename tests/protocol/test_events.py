import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.batch import parse_batch
from bedside.protocol.codec import to_json
from bedside.protocol.errors import MalformedError, ProtocolError
from bedside.protocol.events import MAX_EVENTS
from bedside.protocol.feed import parse_feed
from tests.protocol.test_batch import BATCH
from tests.protocol.test_feed import NEWS

PARSERS = [(NEWS, parse_feed), (BATCH, parse_batch)]
VALUES = st.none() | st.integers(-5, 5) | st.text(max_size=5) | st.lists(st.text(max_size=3))


@pytest.mark.parametrize(("message", "parse"), PARSERS)
def test_an_unknown_kind_refuses_the_whole(message, parse):
    plain = message.to_dict()
    plain["events"].append({"kind": "unheard_of"})
    with pytest.raises(MalformedError) as refused:
        parse(to_json(plain))
    assert refused.value.code == "unknown_kind"


@pytest.mark.parametrize(
    ("message", "parse", "foreign"), [(BATCH, parse_batch, NEWS), (NEWS, parse_feed, BATCH)]
)
def test_each_side_speaks_its_own_kinds(message, parse, foreign):
    plain = message.to_dict() | {"events": foreign.to_dict()["events"]}
    with pytest.raises(MalformedError):
        parse(to_json(plain))


@pytest.mark.parametrize(("message", "parse"), PARSERS)
def test_no_more_than_so_many_events(message, parse):
    plain = message.to_dict()
    plain["events"] = [plain["events"][0]] * MAX_EVENTS
    assert len(parse(to_json(plain)).events) == MAX_EVENTS
    plain["events"].append(plain["events"][0])
    with pytest.raises(ProtocolError):
        parse(to_json(plain))


@given(st.sampled_from(PARSERS), st.data(), VALUES)
def test_any_value_in_any_field_of_any_event(pair, data, value):
    plain = pair[0].to_dict()
    event = data.draw(st.sampled_from(plain["events"]))
    event[data.draw(st.sampled_from(sorted(event)))] = value
    try:
        pair[1](to_json(plain))
    except ProtocolError:
        return
