"""The people app."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Acts on people that reach over accounts, rights and sessions; it has no models."""

    name = "bedside.console.people"
    label = "people"
