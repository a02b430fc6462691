"""What every template knows of the installation."""

from django.conf import settings
from django.http import HttpRequest

__all__ = ["installation"]


def installation(request: HttpRequest) -> dict[str, str]:
    """Return the manufacturer's name, for the head of each page."""
    del request
    return {"manufacturer": settings.CONFIG.manufacturer}
