"""What a specialist carries for one session: nothing of it outlives the session."""

from bedside.console.enrolment.authority import authority
from bedside.console.enrolment.facts import SessionCredentials
from bedside.console.enrolment.models import DeviceIdentity
from bedside.console.keys import key_store
from bedside.pki.delegated import delegated_key
from bedside.pki.keystore import KeyName
from bedside.pki.ssh_certificates import (
    issue_host_certificate,
    issue_user_certificate,
    load_ssh_key,
)
from bedside.vocabulary import DeviceId, SessionId

__all__ = ["do_issue_session_credentials"]


def do_issue_session_credentials(
    session: str,
    public_key_line: str,
    person: str,
    *,
    device: str,
    not_before: int,
    not_after: int,
) -> SessionCredentials:
    """Return certificates over the specialist's one-session key, valid until the session's end.

    The caller has made sure that the session is theirs and where it stands, and journals it.

    Args:
        session: whose legs the certificates open.
        public_key_line: the specialist's key, one line of OpenSSH's format.
        person: the name that stands in the certificate.
        device: the one that the session is for.
        not_before: Unix milliseconds; five minutes are taken off, for clocks that run late.
        not_after: the session's absolute end, Unix milliseconds.

    Raises:
        SshKeyError: the line holds no ecdsa-sha2-nistp256 key.
    """
    store = key_store()
    client = authority().issue_session(
        load_ssh_key(public_key_line), SessionId(session), now_ms=not_before, until_ms=not_after
    )
    return SessionCredentials(
        ca=authority().pem,
        client_certificate=client.pem,
        ssh_certificate=issue_user_certificate(
            delegated_key(store, KeyName.SSH_USER_CA),
            public_key_line,
            session=SessionId(session),
            person=person,
            not_before_ms=not_before - 300_000,
            not_after_ms=not_after,
        ),
        ssh_host_certificate=issue_host_certificate(
            delegated_key(store, KeyName.SSH_HOST_CA),
            DeviceIdentity.objects.get(pk=device).ssh_host_key,
            device=DeviceId(device),
            not_before_ms=not_before - 300_000,
            not_after_ms=not_after,
        ),
    )
