"""Sends one e-mail over SMTP, and says whether a failure is worth another try."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from django.conf import settings

__all__ = ["DeliveryError", "send"]

_TIMEOUT_S = 20
_PERMANENT = 500


class DeliveryError(Exception):
    """It was not taken; `lasting` says that another try is of no use."""

    def __init__(self, words: str, *, lasting: bool) -> None:
        super().__init__(words[:200])
        self.lasting = lasting


def send(*, to: str, subject: str, body: str, message_id: str) -> None:
    """Send one mail; raises DeliveryError.

    Args:
        to: the address.
        subject, body: plain text.
        message_id: of the notice: the same mail sent twice after a crash is one to a reader.
    """
    config = settings.CONFIG.mail
    if not config.host:
        raise DeliveryError("no mail server is configured", lasting=False)
    mail = EmailMessage()
    mail["From"] = config.sender
    mail["To"] = to
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = formatdate()
    domain = config.sender.rpartition("@")[2].rstrip(">") or "localhost"
    mail["Message-ID"] = make_msgid(message_id, domain)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body)
    try:
        with _connect() as server:
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code = max(code for code, _ in error.recipients.values())
        raise DeliveryError(f"recipient refused ({code})", lasting=code >= _PERMANENT) from error
    except smtplib.SMTPResponseException as error:
        # A wrong password of ours is mended by us: the mail itself is still good.
        ours = isinstance(error, smtplib.SMTPAuthenticationError)
        lasting = error.smtp_code >= _PERMANENT and not ours
        raise DeliveryError(f"refused ({error.smtp_code})", lasting=lasting) from error
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryError(type(error).__name__, lasting=False) from error


def _connect() -> smtplib.SMTP:
    config = settings.CONFIG.mail
    context = ssl.create_default_context()
    if config.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            config.host, config.port, timeout=_TIMEOUT_S, context=context
        )
    else:
        server = smtplib.SMTP(config.host, config.port, timeout=_TIMEOUT_S)
    if config.security == "starttls":
        server.starttls(context=context)
    if config.user:
        server.login(config.user, config.password)
    return server
