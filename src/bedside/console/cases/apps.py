"""The cases app."""

from django.apps import AppConfig


class CasesConfig(AppConfig):
    """The queue of cases."""

    name = "bedside.console.cases"
    label = "cases"

    def ready(self) -> None:
        """Give cases back with the standing of whoever took them."""
        from bedside.console.cases import standing

        standing.connect()
