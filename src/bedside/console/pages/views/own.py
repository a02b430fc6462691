"""One's own tokens for programs, and the browsers in which one is signed in."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bedside.console.accounts.authorization import do_revoke_token
from bedside.console.accounts.browsers import browsers_of, do_end_browsers
from bedside.console.accounts.models import User
from bedside.console.accounts.program_tokens import access_token, do_make_token, tokens_of
from bedside.console.accounts.queries import scoped_permissions
from bedside.console.pages.people_forms import TokenForm, take_errors
from bedside.console.pages.views.people import for_people, zone_of
from bedside.console.pages.words import PERMISSIONS
from bedside.vocabulary import Permission

__all__ = ["browsers", "end_browser", "make_token", "revoke_token", "tokens"]


@require_safe
@for_people
def tokens(request: HttpRequest, user: User) -> HttpResponse:
    """Show one's tokens that still hold."""
    mine = scoped_permissions(user)
    rows = [
        (
            token,
            [
                (str(PERMISSIONS.get(Permission(each), each)), each in mine)
                for each in token.scope or []
            ],
        )
        for token in tokens_of(user)
    ]
    return render(request, "pages/tokens.html", {"rows": rows, "zone": zone_of(user)})


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def make_token(request: HttpRequest, user: User) -> HttpResponse:
    """Make a token for a program; it is shown once."""
    given = [request.POST] if request.method == "POST" else []
    longest = settings.CONFIG.sign_in.program_token_days
    form = TokenForm(*given, allowed=scoped_permissions(user), longest=longest)
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        try:
            token, secret = do_make_token(
                user, values["name"], scope=form.permissions, days=values["days"]
            )
        except ValidationError as error:
            take_errors(form, error)
        else:
            context = {"token": token, "secret": secret, "zone": zone_of(user)}
            return render(request, "pages/token_made.html", context)
    status = 400 if form.is_bound else 200
    return render(request, "pages/token_make.html", {"form": form}, status=status)


@require_POST
@for_people
def revoke_token(request: HttpRequest, user: User, token_id: str) -> HttpResponse:
    """End a token of one's own."""
    token = access_token(user, token_id)
    do_revoke_token(token, acting_user=user)
    messages.success(request, _("The token %(name)s is revoked.") % {"name": token.client})
    return redirect("tokens")


@require_safe
@for_people
def browsers(request: HttpRequest, user: User) -> HttpResponse:
    """Show where one is signed in."""
    context = {
        "rows": browsers_of(user),
        "this": request.session.session_key,
        "zone": zone_of(user),
    }
    return render(request, "pages/browsers.html", context)


@require_POST
@for_people
def end_browser(request: HttpRequest, user: User) -> HttpResponse:
    """Sign out one other browser, or all of them but this one."""
    others = browsers_of(user).exclude(session_key=request.session.session_key)
    if one := request.POST.get("browser", ""):
        # PostgreSQL takes no text with a NUL in it, and no id holds one.
        others = others.filter(pk=one[:26]) if one.isprintable() else others.none()
    ended = do_end_browsers(others, acting_user=user)
    messages.success(request, _("Browsers signed out: %(count)d.") % {"count": ended})
    return redirect("browsers")
