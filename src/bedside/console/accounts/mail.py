"""The one way in which mail about accounts leaves: the outbox, in the transaction of the change."""

from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from bedside.console.identifiers import new_ulid
from bedside.console.journal.actions import now_ms
from bedside.console.notices.actions import Mail, do_tell

__all__ = ["do_send_letter"]


def do_send_letter(to: str, letter: str, facts: Mapping[str, Any], *, language: str) -> None:
    """Put the letter `accounts/mail/LETTER.txt` into the outbox; its first line is the subject.

    Nobody reads its text at the console, and it is wiped once it was sent: it may let somebody in.

    Args:
        to: the e-mail address.
        letter: which letter.
        facts: what the letter's template names.
        language: the reader's own language, `en` or `fr`.
    """
    with translation.override(language):
        text = render_to_string(f"accounts/mail/{letter}.txt", dict(facts))
    subject, _, body = text.strip().partition("\n")
    mail = Mail(to=to, subject=subject.strip(), body=body.strip(), private=True)
    do_tell(mail, event=f"account.{letter}", key=new_ulid(now_ms()))
