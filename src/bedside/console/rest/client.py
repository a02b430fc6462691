"""The address a request came from, believed only as far as our own proxies reach."""

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

__all__ = ["address"]


def address(request: HttpRequest | None) -> str:
    """Return the client's address, or an empty text where there is none (a command)."""
    if request is None:
        return ""
    try:
        return str(get_adapter().get_client_ip(request))[:45]
    except PermissionDenied:
        return ""
