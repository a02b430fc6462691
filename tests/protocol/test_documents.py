import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.codec import to_json
from bedside.protocol.document import MAX_DOCUMENT, Document
from bedside.protocol.errors import LimitError, LocalMisuseError, MalformedError, ProtocolError
from bedside.protocol.shapes import JournalHead
from tests.protocol import samples

NAMES = [type(document).__name__ for document in samples.DOCUMENTS]
MAY_BE_ABSENT = {"gate", "lock_reason", "approved_until_ms", "joins", "ticket"}
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


def bent(document, **changes):
    plain = document.to_dict()
    for path, value in changes.items():
        *parents, name = path.split("__")
        target = plain
        for parent in parents:
            target = target[int(parent)] if parent.isdecimal() else target[parent]
        if value is KeyError:
            del target[name]
        else:
            target[name] = value
    return plain


@pytest.mark.parametrize("document", samples.DOCUMENTS, ids=NAMES)
def test_round_trip(document):
    assert type(document).from_bytes(document.to_bytes()) == document


@pytest.mark.parametrize("document", samples.DOCUMENTS, ids=NAMES)
def test_every_field_is_needed_and_no_other_is_allowed(document):
    for name, value in document.to_dict().items():
        if value is not None and name not in MAY_BE_ABSENT:
            with pytest.raises(MalformedError) as refused:
                type(document).from_dict(bent(document, **{name: KeyError}))
            assert (refused.value.code, refused.value.where) == ("missing", name)
    with pytest.raises(MalformedError) as refused:
        type(document).from_dict(bent(document, extra=1))
    assert refused.value.code == "unknown_field"
    with pytest.raises(MalformedError) as refused:
        type(document).from_dict(bent(document, v=2))
    assert refused.value.code == "version"


@given(st.sampled_from(samples.DOCUMENTS), st.data(), anything)
def test_any_value_in_any_field_raises_nothing_but_a_protocol_error(document, data, value):
    name = data.draw(st.sampled_from(sorted(document.to_dict())))
    try:
        read = type(document).from_dict(bent(document, **{name: value}))
    except ProtocolError:
        return
    assert type(document).from_bytes(read.to_bytes()) == read


@given(st.sampled_from(samples.DOCUMENTS), st.binary(max_size=60))
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(document, data):
    with pytest.raises(ProtocolError):
        type(document).from_bytes(data)


@pytest.mark.parametrize(
    ("document", "changes"),
    [
        (samples.ORDER, {"answer_by_ms": samples.NOW}),
        (samples.ORDER, {"answer_by_ms": samples.NOW + 600_001}),
        (samples.ORDER, {"duration_s": 59}),
        (samples.ORDER, {"duration_s": 14_401}),
        (samples.ORDER, {"idle_s": 1801}),
        (samples.ORDER, {"device": "ci-20417"}),
        (samples.ORDER, {"session": "01JABCDEFGHJKMNPQRSTVWXYZI"}),
        (samples.ORDER, {"reason": "a\u202eb"}),
        (samples.ORDER, {"reason": "two\nlines"}),
        (samples.ORDER, {"person__name": "Marie\x1b[2J"}),
        (samples.ORDER, {"person__level": 4}),
        (samples.ORDER, {"person__country": "us"}),
        (samples.ORDER, {"person__extra": 1}),
        (samples.ORDER, {"specialist_key": "MD5:00"}),
        (samples.ORDER, {"proof_seed": "AAAA"}),
        (samples.ORDER, {"max_bytes": 0}),
        (samples.ORDER, {"case": ""}),
        (samples.JOIN, {"joins": samples.JOIN.session}),
        (samples.JOIN, {"actions": ["files_out"]}),
        (samples.ORDER, {"person__level": None}),  # 2.18
        (samples.CONTROL_OF_JOIN, {"person__level": None}),
        (samples.WATCH, {"joins": None}),
        (samples.WATCH, {"mode": "control"}),
        (samples.WATCH, {"actions": ["files_out"]}),
        (samples.CONTROL_OF_JOIN, {"joins": samples.CONTROL_OF_JOIN.session}),
        (samples.CONTROL_OF_JOIN, {"actions": ["job"]}),
        (samples.CONFIGURATION, {"relays": []}),
        (samples.CONFIGURATION, {"revoked": None}),
        (samples.CONFIGURATION, {"revoked": ["0C"]}),
        (samples.CONFIGURATION, {"revoked": ["0c", "0c"]}),
        (samples.CONFIGURATION, {"relays__0__ports": []}),
        (samples.CONFIGURATION, {"relays__0__ports": [0]}),
        (samples.CONFIGURATION, {"relays__0__ports": [65536]}),
        (samples.CONFIGURATION, {"relays__0__ports": [443, 443]}),
        (samples.CONFIGURATION, {"relays__0__ports": [True]}),
        (samples.CONFIGURATION, {"relays__0__name": "b"}),
        (samples.CONFIGURATION, {"relays__0__host": "a b"}),
        (samples.CONFIGURATION, {"relays__0__host": "-a"}),
        (samples.CONFIGURATION, {"relays__0__server_name": "2001:db8::1"}),
        (samples.CONFIGURATION, {"site__timezone": "../etc/passwd"}),
        (samples.CONFIGURATION, {"site__language": "de"}),
        (samples.CONFIGURATION, {"lock_reason": "no lock"}),
        (samples.CONFIGURATION, {"contacts": None}),
        (samples.CONFIGURATION, {"contacts__0__country": "ca"}),
        (samples.CONFIGURATION, {"contacts__0__name": "a\nb"}),
        (samples.CONFIGURATION, {"contacts__0__telephone": "911; rm"}),
        (samples.CONFIGURATION, {"contacts__0__telephone": ""}),
        (samples.CONFIGURATION, {"contacts__0__email": "a\u202eb"}),
        (samples.CONFIGURATION, {"contacts__0__more": 1}),
        (samples.LOCKED, {"lock_reason": None}),
        (samples.BUNDLE, {"enrolment": "7K3QU"}),
        (samples.BUNDLE, {"order_keys": []}),
        (samples.BUNDLE, {"expires_ms": samples.NOW}),
        (samples.REPORT, {"size": 3}),
        (samples.REPORT, {"entries": ["a\nb"]}),
        (samples.REPORT, {"entries": [""]}),
        (samples.REPORT, {"entries": [{}]}),
        (samples.CONSENT, {"until_ms": samples.NOW}),
    ],
)
def test_rules_between_and_within_fields(document, changes):
    assert type(document).from_dict(document.to_dict()) == document
    with pytest.raises(MalformedError):
        type(document).from_dict(bent(document, **changes))


def test_an_entry_may_quote_what_a_hostile_peer_sent():
    plain = bent(samples.REPORT, entries=['{"text":"\u202e"}'])
    assert type(samples.REPORT).from_dict(plain).entries == ('{"text":"\u202e"}',)


def test_a_report_shows_the_head_of_the_journal():
    assert samples.REPORT.journal == JournalHead(size=4, head=samples.HEAD)


def test_size_limit():
    with pytest.raises(LimitError):
        type(samples.ORDER).from_bytes(samples.ORDER.to_bytes() + b" " * MAX_DOCUMENT)


def test_we_do_not_write_what_no_reader_accepts():
    wrong = type(samples.RECEIPT)(device=samples.DEVICE, size=-1, head="", checkpoint="", sent_ms=0)
    with pytest.raises(LocalMisuseError):
        wrong.to_bytes()
    with pytest.raises(LocalMisuseError):
        Document.from_bytes(to_json({"v": 1}))
