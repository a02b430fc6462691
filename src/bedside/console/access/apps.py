"""The access app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Entitlements, rights and locks: the facts of a decision."""

    name = "bedside.console.access"
    label = "access"
