"""The one way in which mail about accounts leaves: after the change it tells of is committed."""

from collections.abc import Mapping
from typing import Any

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation

__all__ = ["do_send_letter"]


def do_send_letter(to: str, letter: str, facts: Mapping[str, Any], *, language: str) -> None:
    """Send the letter `accounts/mail/LETTER.txt` once the transaction is committed.

    Its first line is the subject. A server that cannot be reached is logged and undoes nothing;
    the log shows neither address nor text.

    Args:
        to: the e-mail address.
        letter: which letter.
        facts: what the letter's template names.
        language: the reader's own language, `en` or `fr`.
    """
    with translation.override(language):
        text = render_to_string(f"accounts/mail/{letter}.txt", dict(facts))
    subject, _, body = text.strip().partition("\n")

    def send() -> None:
        send_mail(subject.strip(), body.strip() + "\n", None, [to])

    transaction.on_commit(send, robust=True)
