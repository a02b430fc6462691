"""The relays app."""

from django.apps import AppConfig


class RelaysConfig(AppConfig):
    """Registers the app under the label `relays`."""

    name = "bedside.console.relays"
    label = "relays"
    default_auto_field = "django.db.models.BigAutoField"
