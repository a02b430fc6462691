"""One certificate opens one session: each fact that is wrong refuses it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bedside.agent.ssh.admission import CertificateFacts, CertificateFault, check_certificate
from tests.agent.ssh.kit import KEYS, SESSION, make_grant, make_profile

GRANT = make_grant(make_profile(Path("/srv")))
RIGHT = CertificateFacts(
    is_user=True,
    authority=" ".join(GRANT.user_ca.split()[:2]),
    principals=(SESSION,),
    fingerprint=GRANT.key_fingerprint,
    valid_after_s=1000,
    valid_before_s=2000,
    options=frozenset({"permit-pty", "permit-port-forwarding"}),
    key_id="x/y",
)
WRONG = [
    ({"is_user": False}, CertificateFault.KIND),
    ({"authority": KEYS.other_ca.export_public_key().decode()}, CertificateFault.AUTHORITY),
    ({"principals": ()}, CertificateFault.PRINCIPAL),
    ({"principals": (SESSION, SESSION)}, CertificateFault.PRINCIPAL),
    ({"principals": ("system",)}, CertificateFault.PRINCIPAL),
    ({"fingerprint": KEYS.other.get_fingerprint()}, CertificateFault.KEY),
    ({"valid_after_s": 1501}, CertificateFault.EXPIRED),
    ({"valid_before_s": 1500}, CertificateFault.EXPIRED),
    ({"options": frozenset({"permit-X11-forwarding"})}, CertificateFault.OPTIONS),
    ({"options": frozenset({"force-command"})}, CertificateFault.OPTIONS),
]


def test_the_session_s_certificate_opens_it():
    assert check_certificate(RIGHT, GRANT, user="system", now_s=1500) is None
    fewer = replace(RIGHT, options=frozenset())
    assert check_certificate(fewer, GRANT, user="system", now_s=1500) is None


@pytest.mark.parametrize(("change", "fault"), WRONG)
def test_a_wrong_fact_refuses_it(change, fault):
    facts = replace(RIGHT, **change)
    assert check_certificate(facts, GRANT, user="system", now_s=1500) is fault


def test_another_user_name_refuses_it():
    for user in ("service", "root", ""):
        fault = check_certificate(RIGHT, GRANT, user=user, now_s=1500)
        assert fault is CertificateFault.USER
