"""The monitoring app."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Alarms, the rules that raise them, and what is muted."""

    name = "bedside.console.monitoring"
    label = "monitoring"
    default_auto_field = "django.db.models.BigAutoField"
