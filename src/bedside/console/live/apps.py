"""The live app."""

from django.apps import AppConfig


class LiveConfig(AppConfig):
    """Registers the app under the label `live`."""

    name = "bedside.console.live"
    label = "live"
    default_auto_field = "django.db.models.BigAutoField"
