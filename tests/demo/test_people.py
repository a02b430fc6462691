"""The people of the demonstration can sign in: passwords that are taken, codes that are right."""

from bedside.demo.people import CAST, Credentials, cast_anew


def test_codes_are_those_of_rfc_6238() -> None:
    # RFC 6238, appendix B, SHA-1, cut to six digits.
    known = Credentials("", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")

    assert known.code(59) == "287082"
    assert known.code(1111111109) == "081804"
    assert known.code(20000000000) == "353130"


def test_everybody_gets_a_long_password_of_their_own() -> None:
    credentials = cast_anew()

    assert credentials.keys() == {person.key for person in CAST}
    passwords = {known.password for known in credentials.values()}
    assert len(passwords) == len(CAST)
    assert all(len(password) >= 20 for password in passwords)
