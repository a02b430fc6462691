"""The sites app."""

from django.apps import AppConfig


class SitesConfig(AppConfig):
    """The site's own say: the console carries and shows it."""

    name = "bedside.console.sites"
    label = "sites"
