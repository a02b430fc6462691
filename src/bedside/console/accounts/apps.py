"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People, organisations, sign-in and tokens."""

    name = "bedside.console.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Connect the sign-in signals to the journal."""
        from bedside.console.accounts import signals

        signals.connect()
