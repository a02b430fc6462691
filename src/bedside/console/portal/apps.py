"""The portal app."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """What a site's people do through the API; it has no models."""

    name = "bedside.console.portal"
    label = "portal"
