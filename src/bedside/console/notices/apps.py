"""The notices app."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """The outbox of e-mail and webhooks."""

    name = "bedside.console.notices"
    label = "notices"
