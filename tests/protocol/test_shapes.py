import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.shapes import check_host, parse_message_id


@pytest.mark.parametrize(
    ("host", "is_name", "is_address"),
    [
        ("a.relay.example", True, True),
        ("localhost", True, True),
        ("192.0.2.1", True, True),
        ("2001:db8::1", False, True),
        ("::1", False, True),
        ("x" * 63, True, True),
        ("x" * 64, False, False),
        (".".join(["x" * 63] * 4), False, False),
        ("", False, False),
        ("a..b", False, False),
        ("a.", False, False),
        ("-a", False, False),
        ("a-", False, False),
        ("A.example", False, False),
        ("a b", False, False),
        ("a/b", False, False),
        ("a:443", False, False),
        ("user@a", False, False),
        ("é.example", False, False),
        ("fe80::1%eth0", False, False),
        (":" * 20, False, False),
    ],
)
def test_hosts(host, is_name, is_address):
    for address, good in ((False, is_name), (True, is_address)):
        if good:
            assert check_host(host, address=address) == host
        else:
            with pytest.raises(ValueError, match="not a host name"):
                check_host(host, address=address)


@given(st.text(max_size=300))
def test_any_text(text):
    try:
        assert check_host(text, address=True) == text
    except ValueError:
        return


def test_message_ids():
    assert parse_message_id("01JABCDEFGHJKMNPQRSTVWXYZ0")
    for wrong in ("", "01jabcdefghjkmnpqrstvwxyz0", "01JABCDEFGHJKMNPQRSTVWXYZ0\n"):
        with pytest.raises(ValueError, match="not a message id"):
            parse_message_id(wrong)
