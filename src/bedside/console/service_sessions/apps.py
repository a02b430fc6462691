"""The service_sessions app."""

from django.apps import AppConfig


class ServiceSessionsConfig(AppConfig):
    """A session from request to end."""

    name = "bedside.console.service_sessions"
    label = "service_sessions"

    def ready(self) -> None:
        """End sessions with what they were granted by."""
        from bedside.console.service_sessions.actions import standing

        standing.connect()
