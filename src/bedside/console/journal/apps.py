"""The journal app."""

from django.apps import AppConfig


class JournalConfig(AppConfig):
    """Registers the app under the label `journal`."""

    name = "bedside.console.journal"
    label = "journal"
    default_auto_field = "django.db.models.BigAutoField"
