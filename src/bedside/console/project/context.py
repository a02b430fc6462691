"""What every template knows of the installation."""

from django.conf import settings
from django.http import HttpRequest

__all__ = ["installation"]


def installation(request: HttpRequest) -> dict[str, str]:
    """Return the manufacturer's name and the place among the pages, for the head of each page."""
    place = request.path.split("/")[1]
    return {
        "manufacturer": settings.CONFIG.manufacturer,
        "place": "fleet" if place in ("", "devices") else place,
    }
