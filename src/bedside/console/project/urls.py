"""Every route of the console."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("bedside.console.accounts.urls")),
    path("language/", include("django.conf.urls.i18n")),
]
