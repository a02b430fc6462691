"""The cases app."""

from django.apps import AppConfig


class CasesConfig(AppConfig):
    """The queue of cases."""

    name = "bedside.console.cases"
    label = "cases"
