import ssl

import pytest

from bedside.pki.validity import peer_ends_ms


@pytest.mark.parametrize(
    "moment",
    ["Jan  1 00:00:00 2027 GMT", "Feb 29 23:59:59 2028 GMT", "Dec 31 12:34:56 9999 GMT"]
    + [
        f"{month} 15 01:02:03 2030 GMT"
        for month in ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov"]
    ],
)
def test_the_end_is_what_ssl_reads(moment):
    assert peer_ends_ms({"notAfter": moment}) == ssl.cert_time_to_seconds(moment) * 1000


@pytest.mark.parametrize(
    "certificate",
    [
        None,
        {},
        {"notAfter": ""},
        {"notAfter": "Jan  1 00:00:00 2027"},
        {"notAfter": "Jan  1 00:00:00 2027 GMT "},
        {"notAfter": "Mai  1 00:00:00 2027 GMT"},
        {"notAfter": "Feb 30 00:00:00 2027 GMT"},
        {"notAfter": "Jan  0 00:00:00 2027 GMT"},
        {"notAfter": "Jan  1 24:00:00 2027 GMT"},
        {"notAfter": "Jan  1 00:00:00 0000 GMT"},
        {"notAfter": "Jan  ١ 00:00:00 2027 GMT"},
    ],
)
def test_what_is_no_end_is_refused(certificate):
    with pytest.raises(ValueError, match="without an end"):
        peer_ends_ms(certificate)
