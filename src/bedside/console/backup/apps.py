"""The backup app."""

from django.apps import AppConfig


class BackupConfig(AppConfig):
    """Registers the app under the label `backup`; it has no tables."""

    name = "bedside.console.backup"
    label = "backup"
    default_auto_field = "django.db.models.BigAutoField"
