import base64
import hmac
import json

import pytest

from bedside.console.live.assertions import AssertionRefusedError, check_assertion
from bedside.console.relays.models import Relay
from tests.console.live.world import LiveRelay
from tests.console.relays.world import add_relays

pytestmark = pytest.mark.django_db
NOW = 1_763_900_000_000
NOW_S = NOW // 1000


@pytest.fixture
def relay(db):
    add_relays("a", "b")
    return LiveRelay.make("a")


def reason(authorization: str, now: int = NOW) -> str:
    with pytest.raises(AssertionRefusedError) as caught:
        check_assertion(authorization, now=now)
    return str(caught.value)


def test_a_fresh_assertion_proves_its_relay(relay):
    assert check_assertion(relay.assertion(NOW), now=NOW) == "a"
    assert Relay.objects.get(pk="a").seen_ms == NOW


def test_an_assertion_counts_once(relay):
    assertion = relay.assertion(NOW)
    check_assertion(assertion, now=NOW)
    assert reason(assertion) == "replayed"


def test_an_assertion_ends(relay):
    check_assertion(relay.assertion(NOW), now=NOW + 659_000)
    assert reason(relay.assertion(NOW), now=NOW + 662_000) == "expired"
    assert reason(relay.assertion(NOW), now=NOW - 602_000) == "expired"


@pytest.mark.parametrize("offset_ms", [300_000, -300_000])
def test_a_relay_whose_clock_is_wrong_is_heard_and_known_for_it(relay, offset_ms):
    assert check_assertion(relay.assertion(NOW + offset_ms), now=NOW) == "a"
    assert Relay.objects.get(pk="a").offset_ms == offset_ms


def test_a_relay_says_when_its_certificate_runs_out_and_one_that_does_not_say_changes_nothing(
    relay,
):
    check_assertion(relay.assertion(NOW, crt=NOW_S + 60), now=NOW)
    check_assertion(relay.assertion(NOW), now=NOW)
    assert Relay.objects.get(pk="a").certificate_ends_ms == NOW + 60_000


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"exp": NOW_S + 61}, "life"),
        ({"exp": NOW_S}, "life"),
        ({"exp": None}, "times"),
        ({"iat": None}, "times"),
        ({"iat": "now"}, "times"),
        ({"aud": "bedside-web"}, "audience"),
        ({"aud": None}, "audience"),
        ({"jti": None}, "number"),
        ({"jti": "short"}, "number"),
        ({"iss": "c"}, "unknown_relay"),
        ({"iss": "../a"}, "malformed"),
        ({"iss": None}, "malformed"),
        ({"crt": "soon"}, "certificate"),
        ({"crt": -1}, "certificate"),
        ({"crt": 2**40 + 1}, "certificate"),
    ],
)
def test_a_claim_that_is_wrong_or_missing_is_refused(relay, changed, expected):
    assert reason(relay.assertion(NOW, **changed)) == expected


def test_another_relays_key_proves_nothing(relay):
    thief = LiveRelay("a", LiveRelay.make("b").key)
    assert reason(thief.assertion(NOW)) == "signature"
    row = Relay.objects.get(pk="a")
    assert row.refused_ms == NOW
    assert reason(thief.assertion(NOW), now=NOW + 9_000) == "signature"
    assert Relay.objects.get(pk="a").refused_ms == NOW
    assert reason(thief.assertion(NOW), now=NOW + 11_000) == "signature"
    assert Relay.objects.get(pk="a").refused_ms == NOW + 11_000


def test_only_es256_counts(relay):
    # The public key is no secret: as one, it would sign for anybody.
    secret = Relay.objects.get(pk="a").assertion_key.encode()
    claims = {"iss": "a", "aud": "bedside-live", "iat": NOW_S, "exp": NOW_S + 60, "jti": "0" * 16}
    parts = [_part({"alg": "HS256"}), _part(claims)]
    mac = hmac.digest(secret, ".".join(parts).encode(), "sha256")
    forged = ".".join([*parts, _text(mac)])
    assert reason(f"Bearer {forged}") == "signature"
    unsigned = ".".join([_part({"alg": "none"}), parts[1], ""])
    assert reason(f"Bearer {unsigned}") in {"signature", "malformed"}


def _part(claims: dict) -> str:
    return _text(json.dumps(claims).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text", ["", "Bearer ", "Basic abc", "Bearer x", "Bearer a.b.c", "Bearer " + "x" * 3000]
)
def test_what_is_no_assertion_is_refused(relay, text):
    assert reason(text) in {"missing", "malformed"}
