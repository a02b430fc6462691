"""Every route of the console."""

from django.urls import URLPattern, URLResolver, include, path

from bedside.console.project.api import api

handler400 = "bedside.console.pages.views.errors.bad_request"
handler403 = "bedside.console.pages.views.errors.forbidden"
handler404 = "bedside.console.pages.views.errors.not_found"
handler429 = "bedside.console.pages.views.errors.too_many"
handler500 = "bedside.console.pages.views.errors.failed"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("bedside.console.accounts.urls")),
    path("", include("bedside.console.pages.urls")),
    path("api/v1/", api.urls),
]
