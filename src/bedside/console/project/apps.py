"""The project as a Django app: templates, static files and catalogue of every page."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """Holds what belongs to all pages; it has no models."""

    name = "bedside.console.project"
    label = "project"
