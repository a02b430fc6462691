"""The pages' addresses."""

from django.urls import path

from bedside.console.pages.views import (
    account,
    closing,
    device,
    fleet,
    journal,
    request,
    sessions,
    site,
    site_requests,
    site_rules,
)

__all__ = ["urlpatterns"]

urlpatterns = [
    path("", fleet.fleet, name="fleet"),
    path("devices/<str:device_id>/", device.device, name="device"),
    path("devices/<str:device_id>/request/", request.ask, name="request"),
    path("devices/<str:device_id>/lock/", closing.lock, name="device_lock"),
    path("devices/<str:device_id>/unlock/", closing.unlock, name="device_unlock"),
    path("devices/<str:device_id>/revoke/", closing.revoke, name="device_revoke"),
    path("devices/<str:device_id>/enrol/", device.enrol, name="device_enrol"),
    path("devices/<str:device_id>/journal/", journal.export_device, name="device_journal"),
    path("sessions/", sessions.sessions, name="sessions"),
    path("sessions/<str:session_id>/", sessions.session, name="session"),
    path("sessions/<str:session_id>/end/", closing.end, name="session_end"),
    path("sessions/<str:session_id>/approve/", site_requests.approve, name="session_approve"),
    path("sites/", site.sites, name="sites"),
    path("sites/<str:site_id>/", site.portal, name="site"),
    path("sites/<str:site_id>/approver/", site.approver, name="site_approver"),
    path("sites/<str:site_id>/arrangement/", site_rules.arrange, name="site_arrange"),
    path("sites/<str:site_id>/policy/", site_rules.policy, name="site_policy"),
    path("sites/<str:site_id>/windows/", site_rules.windows, name="site_windows"),
    path("windows/<str:window_id>/close/", site_rules.close_window, name="window_close"),
    path("devices/<str:device_id>/break-glass/", site_rules.break_glass, name="break_glass"),
    path("break-glass/<str:glass_id>/", site_rules.review, name="glass_review"),
    path("break-glass/<str:glass_id>/end/", site_rules.end_glass, name="glass_end"),
    path("journal/", journal.journal, name="journal"),
    path("journal/proofs/", journal.proofs, name="journal_proofs"),
    path("journal/export/", journal.export, name="journal_export"),
    path("journal/<int:row_id>/", journal.entry, name="journal_entry"),
    path("account/", account.account, name="account"),
    path("language/", account.language, name="language"),
]
