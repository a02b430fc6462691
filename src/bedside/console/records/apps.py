"""The records app."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    """What people may read of the journal; it has no models."""

    name = "bedside.console.records"
    label = "records"
