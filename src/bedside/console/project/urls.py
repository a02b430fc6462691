"""Every route of the console."""

from django.urls import URLPattern, URLResolver, include, path

from bedside.console.project.api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("bedside.console.accounts.urls")),
    path("api/v1/", api.urls),
    path("language/", include("django.conf.urls.i18n")),
]
