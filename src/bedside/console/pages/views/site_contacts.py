"""Who of a site is told what happens on its devices, by mail or by webhook."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bedside.console.accounts.models import Organisation, User
from bedside.console.notices.queries import notices_of
from bedside.console.pages.site_forms import ContactForm, HookForm
from bedside.console.pages.views.people import for_people
from bedside.console.sites import actions
from bedside.console.sites.models import SiteContact
from bedside.console.sites.queries import access_contact, access_hook, access_site
from bedside.vocabulary import Permission

__all__ = ["add_hook", "contacts", "remove", "remove_hook"]

_LAST = 20


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def contacts(request: HttpRequest, user: User, site_id: str) -> HttpResponse:
    """Show who is told; add somebody."""
    site = access_site(user, site_id, Permission.SITES_WINDOW_MANAGE)
    posting = request.method == "POST"
    form = ContactForm(request.POST if posting else None, instance=SiteContact(site=site))
    if posting and form.is_valid():
        try:
            actions.do_save_contact(form.save(commit=False), acting_user=user)
        except ValidationError:
            form.add_error("email", _("This address is told already."))
        else:
            messages.success(request, _("The contact is told from now on."))
            return redirect("site_contacts", site.pk)
    return _page(request, site, form, HookForm())


@require_POST
@for_people
def add_hook(request: HttpRequest, user: User, site_id: str) -> HttpResponse:
    """Have events posted somewhere; the secret that signs them is shown this once."""
    site = access_site(user, site_id, Permission.SITES_WINDOW_MANAGE)
    form = HookForm(request.POST)
    secret = ""
    if form.is_valid():
        try:
            secret = actions.do_add_hook(site, form.cleaned_data["url"], acting_user=user)
        except ValidationError as error:
            form.add_error("url", error)
    return _page(request, site, ContactForm(), form if not secret else HookForm(), secret=secret)


@require_POST
@for_people
def remove(request: HttpRequest, user: User, contact_id: int) -> HttpResponse:
    """Tell somebody no more."""
    contact = access_contact(user, contact_id)
    site_id = contact.site_id
    actions.do_remove_contact(contact, acting_user=user)
    messages.success(request, _("The contact is told no more."))
    return redirect("site_contacts", site_id)


@require_POST
@for_people
def remove_hook(request: HttpRequest, user: User, hook_id: str) -> HttpResponse:
    """Post events to an address no more."""
    hook = access_hook(user, hook_id)
    actions.do_remove_hook(hook, acting_user=user)
    messages.success(request, _("Nothing is posted there any more."))
    return redirect("site_contacts", hook.site_id)


def _page(
    request: HttpRequest, site: Organisation, form: ContactForm, hook: HookForm, *, secret: str = ""
) -> HttpResponse:
    context = {
        "site": site,
        "zone": site.timezone,
        "rows": site.site_contacts.all(),
        "hooks": site.hooks.all(),
        "form": form,
        "hook_form": hook,
        "secret": secret,
        "told": notices_of(site.pk).order_by("-id")[:_LAST],
    }
    wrong = (form.is_bound and not form.is_valid()) or (hook.is_bound and bool(hook.errors))
    return render(request, "pages/contacts.html", context, status=400 if wrong else 200)
