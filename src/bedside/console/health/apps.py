"""The health app."""

from django.apps import AppConfig


class HealthConfig(AppConfig):
    """Registers the app under the label `health`."""

    name = "bedside.console.health"
    label = "health"
    default_auto_field = "django.db.models.BigAutoField"
