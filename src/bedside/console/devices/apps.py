"""The devices app."""

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    """Devices and product profiles."""

    name = "bedside.console.devices"
    label = "devices"
