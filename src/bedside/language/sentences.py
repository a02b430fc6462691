"""The sentences for the vocabulary's words: every member has one, a test sees to it."""

from bedside.language.gates import ADVICE, GATES
from bedside.language.tongues import N_, Language, translator
from bedside.vocabulary import (
    AccessKind,
    Contact,
    Ending,
    Gate,
    HelpTopic,
    JournalAction,
    Mode,
    SessionState,
    SiteAction,
    SiteRule,
)

__all__ = [
    "access_name",
    "action_sentence",
    "contact_name",
    "country_name",
    "ending_sentence",
    "gate_advice",
    "gate_sentence",
    "help_name",
    "mode_name",
    "site_action_name",
    "site_rule_name",
    "state_sentence",
]

_ACCESS = {
    AccessKind.SERVICE: N_("service application"),
    AccessKind.SYSTEM: N_("operating system"),
}
_CONTACTS = {
    Contact.ONLINE: N_("Online"),
    Contact.OVERDUE: N_("Overdue"),
    Contact.OFFLINE: N_("Offline"),
    Contact.RELAY_LOST: N_("Relay lost"),
    Contact.NEVER_SEEN: N_("Never seen"),
}
_MODES = {Mode.VIEW: N_("view"), Mode.CONTROL: N_("control")}
_SITE_ACTIONS = {
    SiteAction.FILES_IN: N_("files to the device"),
    SiteAction.FILES_OUT: N_("files from the device"),
    SiteAction.JOB: N_("jobs"),
    SiteAction.SERVICE_CONTROL: N_("service application, control"),
    SiteAction.SERVICE_VIEW: N_("service application, view"),
    SiteAction.SYSTEM_CONTROL: N_("operating system, control"),
    SiteAction.SYSTEM_VIEW: N_("operating system, view"),
    SiteAction.UPDATE: N_("software updates"),
}
_SITE_RULES = {
    SiteRule.ALLOW: N_("allowed"),
    SiteRule.ASK_DEVICE: N_("ask the person at the device"),
    SiteRule.ASK_SITE: N_("ask the site's approver"),
    SiteRule.DENY: N_("denied"),
}
_STATES = {
    SessionState.REQUESTED: N_("Requested"),
    SessionState.AWAITING_SITE: N_("Waiting for the site's approval"),
    SessionState.ROUTED: N_("On its way to the device"),
    SessionState.AWAITING_OPERATOR: N_("Waiting for the operator at the device"),
    SessionState.CONNECTING: N_("Allowed at the device, connecting"),
    SessionState.AUTHENTICATING: N_("Second authentication"),
    SessionState.LIVE_VIEW: N_("Live, view"),
    SessionState.LIVE_CONTROL: N_("Live, control"),
    SessionState.ENDED: N_("Ended"),
}
_ENDINGS = {
    Ending.BY_OPERATOR: N_("Ended by the operator."),
    Ending.BY_SPECIALIST: N_("Ended by the specialist."),
    Ending.REFUSED: N_("Refused."),
    Ending.UNANSWERED: N_("Nobody answered in time."),
    Ending.IDLE: N_("Ended: nothing was sent for too long."),
    Ending.EXPIRED: N_("Ended: its time was over."),
    Ending.SITE_TERMINATED: N_("Ended by the site."),
    Ending.REVOKED: N_("Ended: the authorization was withdrawn."),
    Ending.DEVICE_LOST: N_("Ended: the device was lost."),
    Ending.PARTNER_LOST: N_("Ended: the other side was lost."),
    Ending.RELAY_LOST: N_("Ended: the relay was lost."),
    Ending.RELAY_STOPPED: N_("Ended: the relay was stopped as planned."),
    Ending.FAILED: N_("Ended by a fault."),
}
_HELP = {
    HelpTopic.FAULT: N_("The device shows a fault"),
    HelpTopic.WILL_NOT_START: N_("The device does not start"),
    HelpTopic.INJECTION: N_("An injection did not run as set"),
    HelpTopic.CONNECTION: N_("Images or data do not arrive"),
    HelpTopic.QUESTION: N_("A question about how to use it"),
    HelpTopic.OTHER: N_("Something else"),
}
_COUNTRIES = {
    "BE": N_("Belgium"),
    "CA": N_("Canada"),
    "CH": N_("Switzerland"),
    "DE": N_("Germany"),
    "FR": N_("France"),
    "GB": N_("United Kingdom"),
    "IN": N_("India"),
    "MX": N_("Mexico"),
    "US": N_("United States"),
}
_ACTIONS = {
    JournalAction.ACCESS_ENTITLEMENT_CHANGED: N_("Entitlement changed"),
    JournalAction.ACCESS_LOCK_CLEARED: N_("Lock cleared"),
    JournalAction.ACCESS_LOCK_SET: N_("Lock set"),
    JournalAction.ACCESS_RIGHT_CHANGED: N_("Right changed"),
    JournalAction.ACCESS_RULE_CHANGED: N_("Access rule changed"),
    JournalAction.ACCOUNT_CONTACT_CHANGED: N_("Support contact changed"),
    JournalAction.ACCOUNT_FACTORS_RESET: N_("Second factors taken away, new ones by a link"),
    JournalAction.ACCOUNT_INVITATION_ACCEPTED: N_("Invitation accepted"),
    JournalAction.ACCOUNT_INVITATION_SENT: N_("Invitation sent"),
    JournalAction.ACCOUNT_LOGIN_FAILED: N_("Login failed"),
    JournalAction.ACCOUNT_LOGIN_LOCKED: N_("Account locked after failed logins"),
    JournalAction.ACCOUNT_LOGIN_SUCCEEDED: N_("Logged in"),
    JournalAction.ACCOUNT_LOGIN_UNLOCKED: N_("Account unlocked"),
    JournalAction.ACCOUNT_LOGOUT_DONE: N_("Logged out"),
    JournalAction.ACCOUNT_ORGANISATION_CHANGED: N_("Organisation changed"),
    JournalAction.ACCOUNT_PASSWORD_CHANGED: N_("Password changed"),
    JournalAction.ACCOUNT_PERSON_CHANGED: N_("Person changed"),
    JournalAction.ACCOUNT_PERSON_CLOSED: N_("Account closed"),
    JournalAction.ACCOUNT_PERSON_CREATED: N_("Person created"),
    JournalAction.ACCOUNT_PERSON_LEFT: N_("Person left: everything removed"),
    JournalAction.ACCOUNT_PERSON_OPENED: N_("Account opened again"),
    JournalAction.ACCOUNT_PERSON_REVIEWED: N_("Rights reviewed"),
    JournalAction.ACCOUNT_REVIEW_ANNOUNCED: N_("Review of rights announced"),
    JournalAction.ACCOUNT_SECOND_FACTOR_CHANGED: N_("Second factor changed"),
    JournalAction.ACCOUNT_SESSION_ENDED: N_("Browser signed out from afar"),
    JournalAction.ACCOUNT_SIGN_ON_CHANGED: N_("Single sign-on changed"),
    JournalAction.ACCOUNT_TOKEN_ISSUED: N_("Access token issued"),
    JournalAction.ACCOUNT_TOKEN_REVOKED: N_("Access token revoked"),
    JournalAction.ACCOUNT_WORKSTATION_CHANGED: N_("Workstation changed"),
    JournalAction.AGENT_PROCESS_STARTED: N_("Agent started"),
    JournalAction.AGENT_PROCESS_STOPPED: N_("Agent stopped"),
    JournalAction.AGENT_WORKER_LOST: N_("Worker process lost"),
    JournalAction.ALARM_MUTE_ENDED: N_("Mute ended"),
    JournalAction.ALARM_MUTE_SET: N_("Alarms muted"),
    JournalAction.ALARM_RULE_CHANGED: N_("Rule of alarms changed"),
    JournalAction.ALARM_SILENCE_CLEARED: N_("Alarm over"),
    JournalAction.ALARM_SILENCE_RAISED: N_("Alarm: silence"),
    JournalAction.CASE_RECORD_CLOSED: N_("Case closed"),
    JournalAction.CASE_RECORD_OPENED: N_("Case opened"),
    JournalAction.CASE_RECORD_RELEASED: N_("Case given back"),
    JournalAction.CASE_RECORD_TAKEN: N_("Case taken"),
    JournalAction.CONFIGURATION_DOCUMENT_APPLIED: N_("Configuration applied"),
    JournalAction.CONFIGURATION_DOCUMENT_REFUSED: N_("Configuration refused"),
    JournalAction.DEVICE_CERTIFICATE_ISSUED: N_("Device certificate issued"),
    JournalAction.DEVICE_CERTIFICATE_RENEWED: N_("Device certificate renewed"),
    JournalAction.DEVICE_CERTIFICATE_REVOKED: N_("Device certificate revoked"),
    JournalAction.DEVICE_CLONE_DETECTED: N_("Copy of the device detected"),
    JournalAction.DEVICE_ENROLMENT_COMPLETED: N_("Device enrolled"),
    JournalAction.DEVICE_ENROLMENT_OFFERED: N_("Enrolment code made"),
    JournalAction.DEVICE_ENROLMENT_REFUSED: N_("Enrolment refused"),
    JournalAction.DEVICE_HELP_ASKED: N_("Help asked at the device"),
    JournalAction.DEVICE_LOCK_CLEARED: N_("Device unlocked"),
    JournalAction.DEVICE_LOCK_SET: N_("Device locked"),
    JournalAction.DEVICE_PRESENCE_CHANGED: N_("Presence changed"),
    JournalAction.DEVICE_RECORD_CHANGED: N_("Device record changed"),
    JournalAction.DEVICE_RECORD_CREATED: N_("Device registered"),
    JournalAction.DEVICE_SERVICE_VERIFIED: N_("Device verified after service"),
    JournalAction.JOURNAL_BACKUP_MADE: N_("Backup of the console made"),
    JournalAction.JOURNAL_BACKUP_RESTORED: N_("Console restored from a backup"),
    JournalAction.JOURNAL_DEVICE_RECEIVED: N_("Device journal received"),
    JournalAction.JOURNAL_DEVICE_REJECTED: N_("Device journal rejected"),
    JournalAction.JOURNAL_EXPORT_MADE: N_("Journal exported"),
    JournalAction.JOURNAL_LOG_OPENED: N_("Journal opened"),
    JournalAction.JOURNAL_TAIL_REPAIRED: N_("Torn end of the journal repaired"),
    JournalAction.JOURNAL_WITNESS_RECORDED: N_("The other journal's head recorded"),
    JournalAction.NOTICE_MESSAGE_LOST: N_("Notice could not be delivered"),
    JournalAction.NOTICE_MESSAGE_RETRIED: N_("Notice sent again"),
    JournalAction.ORDER_DOCUMENT_RECEIVED: N_("Order received"),
    JournalAction.ORDER_DOCUMENT_REFUSED: N_("Order refused"),
    JournalAction.PRODUCT_PROFILE_IMPORTED: N_("Product profile imported"),
    JournalAction.RELAY_CERTIFICATE_RENEWED: N_("Relay's certificate renewed"),
    JournalAction.RELAY_CERTIFICATE_REVOKED: N_("Relay's old certificates revoked"),
    JournalAction.RELAY_CLOCK_CHANGED: N_("Relay's clock wrong, or right again"),
    JournalAction.RELAY_CONNECTION_REFUSED: N_("Connection refused at the relay"),
    JournalAction.RELAY_CONTACT_LOST: N_("Relay lost"),
    JournalAction.RELAY_CONTACT_RESTORED: N_("Relay is back"),
    JournalAction.RELAY_DRAIN_STARTED: N_("Relay began to stop: it sends its devices to others"),
    JournalAction.RELAY_KEY_REPLACED: N_("Relay's key replaced"),
    JournalAction.RELAY_PIN_CHANGED: N_("Preferred relays changed"),
    JournalAction.RELAY_PRESENCE_CHANGED: N_("Presence of many devices changed"),
    JournalAction.RELAY_RECORD_CREATED: N_("Relay registered"),
    JournalAction.RELAY_RECORD_RETIRED: N_("Relay retired for good"),
    JournalAction.SESSION_APPROVAL_ASKED: N_("Site asked to approve"),
    JournalAction.SESSION_APPROVAL_GIVEN: N_("Site's approver said yes"),
    JournalAction.SESSION_APPROVAL_REFUSED: N_("Site refused"),
    JournalAction.SESSION_APPROVAL_VERIFIED: N_("Site's approval verified by the device"),
    JournalAction.SESSION_APPROVAL_VOIDED: N_("Approval void: its approver's account closed"),
    JournalAction.SESSION_AUTHENTICATION_FAILED: N_("Second authentication failed"),
    JournalAction.SESSION_AUTHENTICATION_SUCCEEDED: N_("Second authentication passed"),
    JournalAction.SESSION_CHANNEL_CLOSED: N_("Channel closed"),
    JournalAction.SESSION_CHANNEL_OPENED: N_("Channel opened"),
    JournalAction.SESSION_CHANNEL_REFUSED: N_("Channel refused"),
    JournalAction.SESSION_CONSENT_ASKED: N_("Operator asked"),
    JournalAction.SESSION_CONSENT_GIVEN: N_("Operator allowed"),
    JournalAction.SESSION_CONSENT_REFUSED: N_("Operator refused"),
    JournalAction.SESSION_CONSENT_UNANSWERED: N_("Operator did not answer"),
    JournalAction.SESSION_CONTROL_OFFERED: N_("Control offered"),
    JournalAction.SESSION_CONTROL_PASSED: N_("Control handed over"),
    JournalAction.SESSION_CONTROL_TAKEN: N_("Control taken back"),
    JournalAction.SESSION_CREDENTIALS_ISSUED: N_("Session credentials issued"),
    JournalAction.SESSION_FILE_RECEIVED: N_("File received"),
    JournalAction.SESSION_FILE_REFUSED: N_("File refused"),
    JournalAction.SESSION_FILE_SENT: N_("File sent"),
    JournalAction.SESSION_LIFE_ENDED: N_("Session ended"),
    JournalAction.SESSION_LIFE_LIVE: N_("Session live"),
    JournalAction.SESSION_REQUEST_ALLOWED: N_("Request allowed"),
    JournalAction.SESSION_REQUEST_REFUSED: N_("Request refused"),
    JournalAction.SESSION_REQUEST_ROUTED: N_("Request sent to the device"),
    JournalAction.SESSION_REQUEST_WITHDRAWN: N_("Request withdrawn"),
    JournalAction.SESSION_TUNNEL_CLOSED: N_("Tunnel closed"),
    JournalAction.SESSION_TUNNEL_OPENED: N_("Tunnel opened"),
    JournalAction.SESSION_TUNNEL_REFUSED: N_("Tunnel refused"),
    JournalAction.SITE_CONTACT_CHANGED: N_("Contact of the site changed"),
    JournalAction.SITE_GLASS_BROKEN: N_("Break-glass started by the site"),
    JournalAction.SITE_GLASS_ENDED: N_("Break-glass ended by the site"),
    JournalAction.SITE_GLASS_REVIEWED: N_("Break-glass reviewed"),
    JournalAction.SITE_KEY_TRUSTED: N_("Site's key trusted"),
    JournalAction.SITE_POLICY_APPLIED: N_("Site's policy applied"),
    JournalAction.SITE_POLICY_REFUSED: N_("Site's policy refused"),
    JournalAction.SITE_WINDOW_CHANGED: N_("Service window changed"),
}


def gate_sentence(gate: Gate, language: Language) -> str:
    """Return what refused, as a whole sentence."""
    return translator(language)(GATES[gate])


def gate_advice(gate: Gate, language: Language) -> str:
    """Return what a person can do about it, as a whole sentence."""
    return translator(language)(ADVICE[gate])


def ending_sentence(ending: Ending, language: Language) -> str:
    """Return how a session ended, as a whole sentence."""
    return translator(language)(_ENDINGS[ending])


def state_sentence(state: SessionState, language: Language) -> str:
    """Return how far a session is."""
    return translator(language)(_STATES[state])


def access_name(kind: AccessKind, language: Language) -> str:
    """Return the name of an access kind, to stand inside a sentence."""
    return translator(language)(_ACCESS[kind])


def contact_name(contact: Contact, language: Language) -> str:
    """Return whether a device polls, in one word or two."""
    return translator(language)(_CONTACTS[contact])


def mode_name(mode: Mode, language: Language) -> str:
    """Return the name of a mode, to stand inside a sentence."""
    return translator(language)(_MODES[mode])


def site_action_name(action: SiteAction, language: Language) -> str:
    """Return the name of what a site rules on, to stand in a list."""
    return translator(language)(_SITE_ACTIONS[action])


def site_rule_name(rule: SiteRule, language: Language) -> str:
    """Return what a site's rule says, to stand beside the name of the action."""
    return translator(language)(_SITE_RULES[rule])


def action_sentence(action: JournalAction, language: Language) -> str:
    """Return what a journal entry records, as a heading."""
    return translator(language)(_ACTIONS[action])


def help_name(topic: HelpTopic, language: Language) -> str:
    """Return what somebody at the device asks help for."""
    return translator(language)(_HELP[topic])


def country_name(code: str, language: Language) -> str:
    """Return a country's name for its ISO 3166 code, or the code where we have no name."""
    name = _COUNTRIES.get(code)
    return translator(language)(name) if name else code
