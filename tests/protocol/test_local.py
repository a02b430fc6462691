from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.language import Language
from bedside.protocol import local
from bedside.protocol.codec import to_json
from bedside.protocol.errors import LimitError, LocalMisuseError, ProtocolError
from bedside.vocabulary import AccessKind, Activity, Gate, Mode, RelayName, SiteAction
from tests.protocol.samples import DEVICE, NOW, PERSON, SESSION

IDLE = local.Status(
    activity=Activity.IDLE,
    device=local.Device(id=DEVICE, name="Injecteur, salle 3", product="contrast-injector"),
    site=local.SiteWords(name="Hôpital Notre-Dame", language=Language.FRENCH),
    connection=local.Connection(relay=None, last_poll_ms=None, console_ms=None),
    request=None,
    session=None,
    presence_code=None,
    host_key=None,
    verification=None,
    locked=False,
    fault=None,
    now_ms=NOW,
)
BUSY = local.Status(
    activity=Activity.CONTROLLING,
    device=IDLE.device,
    site=replace(IDLE.site, policy=3),
    connection=local.Connection(relay=RelayName("a"), last_poll_ms=NOW, console_ms=NOW),
    request=local.AskedRequest(
        session=SESSION,
        person=PERSON,
        access=AccessKind.SYSTEM,
        mode=Mode.CONTROL,
        reason="Défaut E12",
        case="C-1",
        ticket="CHG-4471",
        duration_s=1800,
        answer_by_ms=NOW,
        actions=(SiteAction.FILES_IN,),
        approved_by=("Julie Gagnon", "Ahmed Diallo"),
        break_glass=True,
    ),
    session=local.OpenSession(
        session=SESSION,
        person=PERSON,
        access=AccessKind.SYSTEM,
        mode=Mode.CONTROL,
        since_ms=NOW,
        until_ms=NOW,
        doing="",
        break_glass=True,
    ),
    presence_code="123456",
    host_key="SHA256:" + "A" * 43,
    verification=local.Verification(
        session=SESSION, person=PERSON.name, at_ms=NOW, changes=("inbox/new.cfg",)
    ),
    locked=True,
    fault=Gate.CLOCK,
    now_ms=NOW,
)
FROM_AGENT = [
    IDLE,
    BUSY,
    local.JournalPage(entries=({"action": "agent:process:started"},), more=False),
    local.Done(3),
    local.Failed(3, "no_such_session", "Cette séance n'existe plus."),
]
FROM_PANEL = [
    local.Hello(0, Language.FRENCH),
    local.Accept(1, SESSION, "Julie Gagnon"),
    local.Refuse(2, SESSION),
    local.Stop(3),
    local.Verified(4, SESSION, "Julie Gagnon"),
    local.JournalQuery(5, None, 100),
    local.JournalQuery(5, 12, 1),
]
ALL = [(message, local.parse_from_agent) for message in FROM_AGENT] + [
    (message, local.parse_from_panel) for message in FROM_PANEL
]


@pytest.mark.parametrize(("message", "parse"), ALL)
def test_round_trip_and_unknown_fields_are_ignored(message, parse):
    line = local.to_line(message)
    assert line.endswith(b"\n")
    assert parse(line[:-1]) == message
    assert parse(to_json(message.to_dict() | {"later": 1})) == message


@pytest.mark.parametrize(("message", "parse"), ALL)
def test_each_end_speaks_its_own_words(message, parse):
    other = local.parse_from_panel if parse is local.parse_from_agent else local.parse_from_agent
    if message.to_dict()["type"] != "journal":
        with pytest.raises(ProtocolError) as refused:
            other(message.to_json())
        assert refused.value.code == "unknown_type"


@given(st.sampled_from(ALL), st.data(), st.none() | st.integers(-5, 5) | st.text(max_size=5))
def test_any_value_in_any_field(pair, data, value):
    plain = pair[0].to_dict()
    plain[data.draw(st.sampled_from(sorted(plain)))] = value
    try:
        pair[1](to_json(plain))
    except ProtocolError:
        return


@given(st.sampled_from(ALL), st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(pair, data):
    with pytest.raises(ProtocolError):
        pair[1](data)


def test_a_page_of_the_journal_holds_objects():
    plain = FROM_AGENT[2].to_dict() | {"entries": ["line"]}
    with pytest.raises(ProtocolError):
        local.parse_from_agent(to_json(plain))


def test_a_name_of_blanks_is_no_name():
    with pytest.raises(ProtocolError):
        local.parse_from_panel(local.Accept(1, SESSION, "  ").to_json())


@given(
    st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")), max_size=9),
    st.data(),
)
def test_any_split_gives_the_same_lines(lines, data):
    stream = b"".join(line + b"\n" for line in lines)
    reader = local.LineReader(9)
    read = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        reader.receive(stream[:size])
        stream = stream[size:]
        while (line := reader.next()) is not None:
            read.append(line)
    assert read == lines


@pytest.mark.parametrize("stream", [b"x" * 10, b"x" * 10 + b"\n", b"ok\n" + b"x" * 10])
def test_a_line_too_long_is_refused_with_or_without_its_end(stream):
    reader = local.LineReader(9)
    reader.receive(stream)
    if stream.startswith(b"ok"):
        assert reader.next() == b"ok"
    with pytest.raises(LimitError):
        reader.next()


def test_we_write_no_line_that_is_not_read():
    page = local.JournalPage(entries=({"a": "x" * local.MAX_LINE},), more=False)
    with pytest.raises(LocalMisuseError):
        local.to_line(page)
