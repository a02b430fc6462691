"""What changes who a device is, and what it is told; call each inside the change's transaction."""

from bedside.console.enrolment.actions.certificates import (
    Enrolled,
    EnrolmentRefusedError,
    do_enrol,
    do_record_refusal,
    do_renew,
)
from bedside.console.enrolment.actions.configuration import (
    do_pass_configurations,
    do_send_configuration,
)
from bedside.console.enrolment.actions.documents import (
    do_send_order,
    do_send_receipt,
    do_send_site_policy,
    do_send_withdrawal,
)
from bedside.console.enrolment.actions.offers import NoRelayError, do_offer_enrolment
from bedside.console.enrolment.actions.revocation import do_quarantine_clone, do_revoke_device
from bedside.console.enrolment.actions.sessions import do_issue_session_credentials
from bedside.console.enrolment.facts import DeviceFacts, EnrolmentOffer, SessionCredentials

__all__ = [
    "DeviceFacts",
    "Enrolled",
    "EnrolmentOffer",
    "EnrolmentRefusedError",
    "NoRelayError",
    "SessionCredentials",
    "do_enrol",
    "do_issue_session_credentials",
    "do_offer_enrolment",
    "do_pass_configurations",
    "do_quarantine_clone",
    "do_record_refusal",
    "do_renew",
    "do_revoke_device",
    "do_send_configuration",
    "do_send_order",
    "do_send_receipt",
    "do_send_site_policy",
    "do_send_withdrawal",
]
