"""The pages as a Django app."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """Templates, forms and views; it has no models."""

    name = "bedside.console.pages"
    label = "pages"
