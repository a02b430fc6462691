"""What each gate says when it refuses, and what a person can do next."""

from bedside.language.tongues import N_
from bedside.vocabulary import Gate

__all__ = ["ADVICE", "GATES"]

_ASK_ADMINISTRATOR = N_("Ask your administrator.")
_ASK_AGAIN = N_("Ask again from the console.")
_CALL_MANUFACTURER = N_("Call the manufacturer's support.")
_CALL_SECURITY = N_("Do not go on. Tell the manufacturer's security team.")
_CALL_OPERATOR = N_("Telephone the person at the device, then ask again.")

GATES: dict[Gate, str] = {
    Gate.ACCOUNT: N_("This account is not active, not vetted, or has no second factor."),
    Gate.ROLE: N_("This role may not ask for sessions."),
    Gate.PRODUCT_RIGHT: N_("No right for this product."),
    Gate.LEVEL: N_("The support level does not allow this."),
    Gate.COUNTRY: N_("This may not be started from this country."),
    Gate.ENTITLEMENT: N_("The site has no valid entitlement for this device."),
    Gate.ACCESS_KIND: N_("This product does not offer this access."),
    Gate.MODE: N_("This mode is not allowed for this access."),
    Gate.DURATION: N_("The duration is outside what is allowed."),
    Gate.CASE: N_("A request needs the number of its case."),
    Gate.REASON: N_("A request needs a reason that the operator can read."),
    Gate.DEVICE_STATE: N_("The device is not in service: not enrolled, revoked or copied."),
    Gate.LOCK: N_("A lock is set on this person, device, site or product, or on everything."),
    Gate.WORKSTATION: N_("This sign-in did not come from an enrolled workstation."),
    Gate.PATIENT_DATA: N_("This access can show patient data, and this person has no right to it."),
    Gate.SITE_POLICY: N_("The site's policy does not allow this."),
    Gate.SITE_WINDOW: N_("The site allows this in its service windows only, and none is open."),
    Gate.CHANGE_TICKET: N_("The site's policy asks for a change ticket."),
    Gate.SITE_APPROVAL: N_("The site did not approve this."),
    Gate.SITE_SILENCE: N_("Nobody at the site approved in time."),
    Gate.APPROVAL_SIGNATURE: N_(
        "The site's approval does not hold: it is for another order, or not by a key that the site "
        "enrolled here."
    ),
    Gate.SITE_POLICY_SIGNATURE: N_("The site's policy is not signed by the site's key."),
    Gate.SITE_POLICY_OLD: N_("The site's policy is older than the one that applies."),
    Gate.ORDER_MALFORMED: N_("The order cannot be read."),
    Gate.ORDER_SIGNATURE: N_("The order is not signed by this device's manufacturer."),
    Gate.ORDER_DEVICE: N_("The order is for another device."),
    Gate.ORDER_EXPIRED: N_("The order came too late."),
    Gate.ORDER_REPLAYED: N_("The order was already used."),
    Gate.ORDER_PRODUCT: N_("The order is for another product."),
    Gate.DEVICE_LOCKED: N_("Remote service is locked for this device."),
    Gate.DEVICE_BUSY: N_("Another session is open on this device."),
    Gate.JOIN: N_(
        "The session to join is not live, is of another access or for observation only, "
        "or somebody has joined it already."
    ),
    Gate.EXAM_RUNNING: N_("An examination is in progress on the device."),
    Gate.SAFE_STATE_UNKNOWN: N_("The device cannot tell whether an examination is in progress."),
    Gate.JOURNAL: N_("The device cannot write its journal."),
    Gate.CLOCK: N_("The device's clock is wrong."),
    Gate.CONSENT: N_("The person at the device refused."),
    Gate.CONSENT_SILENCE: N_("Nobody at the device answered in time."),
    Gate.USER_CERTIFICATE: N_("The certificate is not the one this session was allowed for."),
    Gate.SUPPORT_CREDENTIAL: N_("The device's support credential was wrong."),
    Gate.PRESENCE_CODE: N_("The presence code was wrong."),
    Gate.SECOND_AUTHENTICATION_LOCKED: N_(
        "The second authentication is locked after too many wrong answers."
    ),
    Gate.CHANNEL: N_("This kind of channel is not part of the access that was allowed."),
    Gate.FORWARD: N_(
        "A forward leads only to the endpoints of the device's product profile, and never back from it."
    ),
    Gate.DATA_ITEM: N_("This is not a data item of the device's product profile."),
    Gate.INBOX: N_("Files can only be put into the inbox, up to its limit."),
    Gate.VIEW_ONLY: N_("Only viewing was allowed: nothing can be changed."),
    Gate.INSTANCE: N_("This agent runs on another machine than the one it was enrolled on."),
    Gate.CERTIFICATE: N_("The certificate is not from the manufacturer, or not for this use."),
    Gate.REVOKED_CERTIFICATE: N_("The certificate was revoked."),
    Gate.DEVICE_CLONED: N_("Two copies of this device were seen."),
    Gate.TUNNEL_PROOF: N_("The proof for this tunnel is wrong or was already used."),
    Gate.LIMIT: N_("A limit was reached."),
    Gate.ENROLMENT_CODE: N_("The enrolment code is wrong, expired or already used."),
}
ADVICE: dict[Gate, str] = {
    Gate.ACCOUNT: _ASK_ADMINISTRATOR,
    Gate.ROLE: _ASK_ADMINISTRATOR,
    Gate.PRODUCT_RIGHT: N_("Ask your manager for the training of this product."),
    Gate.LEVEL: N_("Ask a colleague of a higher level to take the case."),
    Gate.COUNTRY: N_("Ask a colleague in an allowed country to start the session."),
    Gate.ENTITLEMENT: N_("Ask the site to renew its service contract."),
    Gate.ACCESS_KIND: N_("Ask for another access."),
    Gate.MODE: N_("Ask for the other mode."),
    Gate.DURATION: N_("Ask for a duration within the limits."),
    Gate.CASE: N_("Give the case number."),
    Gate.REASON: N_("Say in one sentence why you ask."),
    Gate.DEVICE_STATE: _ASK_ADMINISTRATOR,
    Gate.LOCK: N_("Ask who set the lock to clear it: the page of locks names them."),
    Gate.WORKSTATION: N_(
        "Sign in from an enrolled workstation, or ask an administrator to enrol this computer."
    ),
    Gate.PATIENT_DATA: N_("Ask for another access, or ask your manager for this right."),
    Gate.SITE_POLICY: N_("Ask the site, or ask for what its policy allows."),
    Gate.SITE_WINDOW: N_("Wait for the next window, or ask the site to open one."),
    Gate.CHANGE_TICKET: N_("Ask the site for its change ticket, and name it in the request."),
    Gate.SITE_APPROVAL: N_("Ask the site's contact why, then ask again."),
    Gate.SITE_SILENCE: N_("Telephone the site's contact, then ask again."),
    Gate.APPROVAL_SIGNATURE: _CALL_SECURITY,
    Gate.SITE_POLICY_SIGNATURE: _CALL_SECURITY,
    Gate.SITE_POLICY_OLD: N_("Have the site sign its policy with a higher number."),
    Gate.ORDER_MALFORMED: _CALL_MANUFACTURER,
    Gate.ORDER_SIGNATURE: _CALL_SECURITY,
    Gate.ORDER_DEVICE: _CALL_SECURITY,
    Gate.ORDER_EXPIRED: _ASK_AGAIN,
    Gate.ORDER_REPLAYED: _CALL_SECURITY,
    Gate.ORDER_PRODUCT: _CALL_MANUFACTURER,
    Gate.DEVICE_LOCKED: N_("Ask who set the lock to clear it."),
    Gate.DEVICE_BUSY: N_("Wait until it has ended, then ask again."),
    Gate.JOIN: N_("Ask the person who controls whether the session is open, then ask again."),
    Gate.EXAM_RUNNING: N_("Wait until it is over, then ask again."),
    Gate.SAFE_STATE_UNKNOWN: N_("Have the device checked on site."),
    Gate.JOURNAL: N_("Have the device's disk checked on site."),
    Gate.CLOCK: N_("Have the device's clock set on site."),
    Gate.CONSENT: _CALL_OPERATOR,
    Gate.CONSENT_SILENCE: _CALL_OPERATOR,
    Gate.USER_CERTIFICATE: _ASK_AGAIN,
    Gate.SUPPORT_CREDENTIAL: N_("Look up the device's support credential, then ask again."),
    Gate.PRESENCE_CODE: N_("Have the code on the device's screen read out to you again."),
    Gate.SECOND_AUTHENTICATION_LOCKED: N_("Wait a quarter of an hour, then ask again."),
    Gate.CHANNEL: N_("Ask for a session with the access you need."),
    Gate.FORWARD: N_(
        "Use ssh -L to an endpoint by its name in the product profile, without ssh -R."
    ),
    Gate.DATA_ITEM: N_("List /items to see what the device offers."),
    Gate.INBOX: N_("Put files into /inbox in a session with control."),
    Gate.VIEW_ONLY: N_("Ask for a session with control."),
    Gate.INSTANCE: N_("Enrol this machine with a code of its own."),
    Gate.CERTIFICATE: _CALL_MANUFACTURER,
    Gate.REVOKED_CERTIFICATE: _CALL_MANUFACTURER,
    Gate.DEVICE_CLONED: N_("Call the manufacturer: both are refused until one is enrolled anew."),
    Gate.TUNNEL_PROOF: N_("Ask for a new session."),
    Gate.LIMIT: N_("Try again in a moment."),
    Gate.ENROLMENT_CODE: N_("Have a new code made at the console."),
}
