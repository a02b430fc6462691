"""The words every part of the house uses: ids, rights, states, endings, gates, journal actions.

Values are what crosses a wire and what stands in a journal: once released, a value never changes
its meaning. Sentences for people are in `bedside.language`, keyed by these values.
"""

import re
from enum import IntEnum, StrEnum
from typing import NewType

__all__ = [
    "DEVICE_ID",
    "AccessKind",
    "Activity",
    "AlarmScope",
    "ClockState",
    "Contact",
    "DeviceId",
    "Ending",
    "FieldClass",
    "Gate",
    "HelpTopic",
    "JournalAction",
    "Level",
    "MessageKind",
    "Mode",
    "Outcome",
    "Permission",
    "PersonId",
    "PollMode",
    "RelayName",
    "Role",
    "SessionId",
    "SessionState",
    "SiteAction",
    "SiteRule",
    "parse_device_id",
    "parse_relay_name",
    "parse_session_id",
    "session_action",
]

DeviceId = NewType("DeviceId", str)
"""A device's name in the fleet, as printed on it: `CI-20417`."""
PersonId = NewType("PersonId", str)
"""A person's permanent id in the console; never reused."""
RelayName = NewType("RelayName", str)
"""A relay's short name in the signed list: `a`, `eu-2`."""
SessionId = NewType("SessionId", str)
"""A ULID in Crockford base 32, upper case, 26 characters."""

DEVICE_ID = re.compile(r"[A-Z][A-Z0-9]{0,7}-[A-Z0-9]{1,20}")
_RELAY_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_SESSION_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")


def parse_device_id(text: str) -> DeviceId:
    """Return `text` as a device id, or raise ValueError."""
    if not DEVICE_ID.fullmatch(text):
        raise ValueError("not a device id")
    return DeviceId(text)


def parse_relay_name(text: str) -> RelayName:
    """Return `text` as a relay name, or raise ValueError."""
    if not _RELAY_NAME.match(text):
        raise ValueError("not a relay name")
    return RelayName(text)


def parse_session_id(text: str) -> SessionId:
    """Return `text` as a session id, or raise ValueError."""
    if not _SESSION_ID.match(text):
        raise ValueError("not a session id")
    return SessionId(text)


class AccessKind(StrEnum):
    """What is reached on the device; each is consented by itself (S58)."""

    SERVICE = "service"
    SYSTEM = "system"


class Mode(StrEnum):
    """Looking and acting are two consents (R11)."""

    VIEW = "view"
    CONTROL = "control"


class SiteAction(StrEnum):
    """What a site rules on, each by itself (R2)."""

    FILES_IN = "files_in"
    FILES_OUT = "files_out"
    JOB = "job"
    SERVICE_CONTROL = "service_control"
    SERVICE_VIEW = "service_view"
    SYSTEM_CONTROL = "system_control"
    SYSTEM_VIEW = "system_view"
    UPDATE = "update"


class SiteRule(StrEnum):
    """A site's own say on an action, from the widest to the narrowest (R2)."""

    ALLOW = "allow"
    ASK_DEVICE = "ask_device"
    ASK_SITE = "ask_site"
    DENY = "deny"


def session_action(access: AccessKind, mode: Mode) -> SiteAction:
    """Return the site's word for a session of this access and mode."""
    return SiteAction(f"{access}_{mode}")


class Level(IntEnum):
    """A specialist's support level (S36)."""

    ONE = 1
    TWO = 2
    THREE = 3


class Role(StrEnum):
    """What a person is in the console; `bedside.policy.rights` says what each may do."""

    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    MANAGER = "manager"
    SITE_APPROVER = "site_approver"
    SITE_MANAGER = "site_manager"
    SPECIALIST = "specialist"


class Permission(StrEnum):
    """`scope:resource:action`, alphabetical."""

    ACCESS_ENTITLEMENT_MANAGE = "access:entitlement:manage"
    ACCESS_POLICY_MANAGE = "access:policy:manage"
    ACCESS_POLICY_READ = "access:policy:read"
    ACCESS_RIGHT_MANAGE = "access:right:manage"
    ACCOUNTS_ORGANISATION_MANAGE = "accounts:organisation:manage"
    ACCOUNTS_PERSON_CLOSE = "accounts:person:close"
    ACCOUNTS_PERSON_MANAGE = "accounts:person:manage"
    ACCOUNTS_PERSON_READ = "accounts:person:read"
    ACCOUNTS_PERSON_REVIEW = "accounts:person:review"
    CASES_CASE_MANAGE = "cases:case:manage"
    CASES_CASE_READ = "cases:case:read"
    CASES_CASE_TAKE = "cases:case:take"
    CASES_REVIEW_CLOSE = "cases:review:close"
    DEVICES_DEVICE_ENROL = "devices:device:enrol"
    DEVICES_DEVICE_LOCK = "devices:device:lock"
    DEVICES_DEVICE_READ = "devices:device:read"
    DEVICES_DEVICE_REVOKE = "devices:device:revoke"
    JOURNAL_ENTRY_EXPORT = "journal:entry:export"
    JOURNAL_ENTRY_READ = "journal:entry:read"
    MONITORING_ALARM_MANAGE = "monitoring:alarm:manage"
    MONITORING_ALARM_READ = "monitoring:alarm:read"
    NOTICES_NOTICE_READ = "notices:notice:read"
    RELAYS_RELAY_MANAGE = "relays:relay:manage"
    SESSIONS_SESSION_END = "sessions:session:end"
    SESSIONS_SESSION_READ = "sessions:session:read"
    SESSIONS_SESSION_REQUEST = "sessions:session:request"
    SESSIONS_SESSION_WATCH = "sessions:session:watch"
    SITES_BREAK_GLASS_START = "sites:break_glass:start"
    SITES_POLICY_PUBLISH = "sites:policy:publish"
    SITES_POLICY_READ = "sites:policy:read"
    SITES_REQUEST_APPROVE = "sites:request:approve"
    SITES_WINDOW_MANAGE = "sites:window:manage"


class SessionState(StrEnum):
    """A session's life, in the words both ends use (R3)."""

    REQUESTED = "requested"
    AWAITING_SITE = "awaiting_site"
    ROUTED = "routed"
    AWAITING_OPERATOR = "awaiting_operator"
    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    LIVE_VIEW = "live_view"
    LIVE_CONTROL = "live_control"
    ENDED = "ended"


class Ending(StrEnum):
    """How a session ended: a closed list, recorded once (R4)."""

    BY_OPERATOR = "by_operator"
    BY_SPECIALIST = "by_specialist"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    IDLE = "idle"
    EXPIRED = "expired"
    SITE_TERMINATED = "site_terminated"
    REVOKED = "revoked"
    DEVICE_LOST = "device_lost"
    PARTNER_LOST = "partner_lost"
    RELAY_LOST = "relay_lost"
    RELAY_STOPPED = "relay_stopped"
    FAILED = "failed"


class Gate(StrEnum):
    """Every requirement that can refuse, by name, wherever it is checked (S17)."""

    # at the console (policy)
    ACCOUNT = "account"
    ROLE = "role"
    PRODUCT_RIGHT = "product_right"
    LEVEL = "level"
    COUNTRY = "country"
    ENTITLEMENT = "entitlement"
    ACCESS_KIND = "access_kind"
    MODE = "mode"
    DURATION = "duration"
    CASE = "case"
    REASON = "reason"
    DEVICE_STATE = "device_state"
    LOCK = "lock"
    # at the console (sign-in)
    WORKSTATION = "workstation"
    PATIENT_DATA = "patient_data"
    # the site's own say, at the console and again at the device
    SITE_POLICY = "site_policy"
    SITE_WINDOW = "site_window"
    CHANGE_TICKET = "change_ticket"
    SITE_APPROVAL = "site_approval"
    SITE_SILENCE = "site_silence"
    # at the device
    APPROVAL_SIGNATURE = "approval_signature"
    SITE_POLICY_SIGNATURE = "site_policy_signature"
    SITE_POLICY_OLD = "site_policy_old"
    ORDER_MALFORMED = "order_malformed"
    ORDER_SIGNATURE = "order_signature"
    ORDER_DEVICE = "order_device"
    ORDER_EXPIRED = "order_expired"
    ORDER_REPLAYED = "order_replayed"
    ORDER_PRODUCT = "order_product"
    DEVICE_LOCKED = "device_locked"
    DEVICE_BUSY = "device_busy"
    JOIN = "join"
    EXAM_RUNNING = "exam_running"
    SAFE_STATE_UNKNOWN = "safe_state_unknown"
    JOURNAL = "journal"
    CLOCK = "clock"
    CONSENT = "consent"
    CONSENT_SILENCE = "consent_silence"
    USER_CERTIFICATE = "user_certificate"
    SUPPORT_CREDENTIAL = "support_credential"
    PRESENCE_CODE = "presence_code"
    SECOND_AUTHENTICATION_LOCKED = "second_authentication_locked"
    CHANNEL = "channel"
    FORWARD = "forward"
    DATA_ITEM = "data_item"
    INBOX = "inbox"
    VIEW_ONLY = "view_only"
    INSTANCE = "instance"
    # at the relay and in TLS
    CERTIFICATE = "certificate"
    REVOKED_CERTIFICATE = "revoked_certificate"
    DEVICE_CLONED = "device_cloned"
    TUNNEL_PROOF = "tunnel_proof"
    LIMIT = "limit"
    # at enrolment
    ENROLMENT_CODE = "enrolment_code"


class Activity(StrEnum):
    """What the device's indicator shows (R12)."""

    IDLE = "idle"
    ASKED = "asked"
    CONNECTING = "connecting"
    VIEWING = "viewing"
    CONTROLLING = "controlling"


class AlarmScope(StrEnum):
    """What an alarm is about, and what a rule or a mute is for (S61)."""

    DEVICE = "device"
    EVERYTHING = "everything"
    PRODUCT = "product"
    RELAY = "relay"
    SITE = "site"


class Contact(StrEnum):
    """Whether a device polls, as a person means it (`bedside.protocol.presence`)."""

    ONLINE = "online"
    OVERDUE = "overdue"
    OFFLINE = "offline"
    RELAY_LOST = "relay_lost"
    NEVER_SEEN = "never_seen"


class HelpTopic(StrEnum):
    """What somebody at the device asks help for, in a few choices (R14)."""

    FAULT = "fault"
    WILL_NOT_START = "will_not_start"
    INJECTION = "injection"
    CONNECTION = "connection"
    QUESTION = "question"
    OTHER = "other"


class PollMode(StrEnum):
    """How the device polls (S15)."""

    HELD = "held"
    INTERVAL = "interval"


class MessageKind(StrEnum):
    """What the console sends a device, sealed, through a relay."""

    CONFIGURATION = "configuration"
    ORDER = "order"
    RECEIPT = "receipt"
    SITE_POLICY = "site_policy"
    WITHDRAWAL = "withdrawal"


class Outcome(StrEnum):
    """How an act in the journal came out."""

    SUCCESS = "success"
    REFUSED = "refused"
    FAILURE = "failure"


class ClockState(StrEnum):
    """What is known of the clock that stamped an entry (R54)."""

    SYNCHRONISED = "synchronised"
    UNSYNCHRONISED = "unsynchronised"
    UNKNOWN = "unknown"


class FieldClass(StrEnum):
    """Who may see a journal field; an unmarked field is secret."""

    PUBLIC = "public"
    SENSITIVE = "sensitive"
    SECRET = "secret"


class JournalAction(StrEnum):
    """`subject:thing:done`, alphabetical."""

    ACCESS_ENTITLEMENT_CHANGED = "access:entitlement:changed"
    ACCESS_LOCK_CLEARED = "access:lock:cleared"
    ACCESS_LOCK_SET = "access:lock:set"
    ACCESS_RIGHT_CHANGED = "access:right:changed"
    ACCESS_RULE_CHANGED = "access:rule:changed"
    ACCOUNT_CONTACT_CHANGED = "account:contact:changed"
    ACCOUNT_FACTORS_RESET = "account:factors:reset"
    ACCOUNT_INVITATION_ACCEPTED = "account:invitation:accepted"
    ACCOUNT_INVITATION_SENT = "account:invitation:sent"
    ACCOUNT_LOGIN_FAILED = "account:login:failed"
    ACCOUNT_LOGIN_LOCKED = "account:login:locked"
    ACCOUNT_LOGIN_SUCCEEDED = "account:login:succeeded"
    ACCOUNT_LOGIN_UNLOCKED = "account:login:unlocked"
    ACCOUNT_LOGOUT_DONE = "account:logout:done"
    ACCOUNT_ORGANISATION_CHANGED = "account:organisation:changed"
    ACCOUNT_PASSWORD_CHANGED = "account:password:changed"
    ACCOUNT_PERSON_CHANGED = "account:person:changed"
    ACCOUNT_PERSON_CLOSED = "account:person:closed"
    ACCOUNT_PERSON_CREATED = "account:person:created"
    ACCOUNT_PERSON_LEFT = "account:person:left"
    ACCOUNT_PERSON_OPENED = "account:person:opened"
    ACCOUNT_PERSON_REVIEWED = "account:person:reviewed"
    ACCOUNT_REVIEW_ANNOUNCED = "account:review:announced"
    ACCOUNT_SECOND_FACTOR_CHANGED = "account:second_factor:changed"
    ACCOUNT_SESSION_ENDED = "account:session:ended"
    ACCOUNT_SIGN_ON_CHANGED = "account:sign_on:changed"
    ACCOUNT_TOKEN_ISSUED = "account:token:issued"
    ACCOUNT_TOKEN_REVOKED = "account:token:revoked"
    ACCOUNT_WORKSTATION_CHANGED = "account:workstation:changed"
    AGENT_PROCESS_STARTED = "agent:process:started"
    AGENT_PROCESS_STOPPED = "agent:process:stopped"
    AGENT_WORKER_LOST = "agent:worker:lost"
    ALARM_MUTE_ENDED = "alarm:mute:ended"
    ALARM_MUTE_SET = "alarm:mute:set"
    ALARM_RULE_CHANGED = "alarm:rule:changed"
    ALARM_SILENCE_CLEARED = "alarm:silence:cleared"
    ALARM_SILENCE_RAISED = "alarm:silence:raised"
    CASE_RECORD_CLOSED = "case:record:closed"
    CASE_RECORD_OPENED = "case:record:opened"
    CASE_RECORD_RELEASED = "case:record:released"
    CASE_RECORD_TAKEN = "case:record:taken"
    CONFIGURATION_DOCUMENT_APPLIED = "configuration:document:applied"
    CONFIGURATION_DOCUMENT_REFUSED = "configuration:document:refused"
    DEVICE_CERTIFICATE_ISSUED = "device:certificate:issued"
    DEVICE_CERTIFICATE_RENEWED = "device:certificate:renewed"
    DEVICE_CERTIFICATE_REVOKED = "device:certificate:revoked"
    DEVICE_CLONE_DETECTED = "device:clone:detected"
    DEVICE_ENROLMENT_COMPLETED = "device:enrolment:completed"
    DEVICE_ENROLMENT_OFFERED = "device:enrolment:offered"
    DEVICE_ENROLMENT_REFUSED = "device:enrolment:refused"
    DEVICE_HELP_ASKED = "device:help:asked"
    DEVICE_LOCK_CLEARED = "device:lock:cleared"
    DEVICE_LOCK_SET = "device:lock:set"
    DEVICE_PRESENCE_CHANGED = "device:presence:changed"
    DEVICE_RECORD_CHANGED = "device:record:changed"
    DEVICE_RECORD_CREATED = "device:record:created"
    DEVICE_SERVICE_VERIFIED = "device:service:verified"
    JOURNAL_BACKUP_MADE = "journal:backup:made"
    JOURNAL_BACKUP_RESTORED = "journal:backup:restored"
    JOURNAL_DEVICE_RECEIVED = "journal:device:received"
    JOURNAL_DEVICE_REJECTED = "journal:device:rejected"
    JOURNAL_EXPORT_MADE = "journal:export:made"
    JOURNAL_LOG_OPENED = "journal:log:opened"
    JOURNAL_TAIL_REPAIRED = "journal:tail:repaired"
    JOURNAL_WITNESS_RECORDED = "journal:witness:recorded"
    NOTICE_MESSAGE_LOST = "notice:message:lost"
    NOTICE_MESSAGE_RETRIED = "notice:message:retried"
    ORDER_DOCUMENT_RECEIVED = "order:document:received"
    ORDER_DOCUMENT_REFUSED = "order:document:refused"
    PRODUCT_PROFILE_IMPORTED = "product:profile:imported"
    RELAY_CERTIFICATE_RENEWED = "relay:certificate:renewed"
    RELAY_CERTIFICATE_REVOKED = "relay:certificate:revoked"
    RELAY_CLOCK_CHANGED = "relay:clock:changed"
    RELAY_CONNECTION_REFUSED = "relay:connection:refused"
    RELAY_CONTACT_LOST = "relay:contact:lost"
    RELAY_CONTACT_RESTORED = "relay:contact:restored"
    RELAY_DRAIN_STARTED = "relay:drain:started"
    RELAY_KEY_REPLACED = "relay:key:replaced"
    RELAY_PIN_CHANGED = "relay:pin:changed"
    RELAY_PRESENCE_CHANGED = "relay:presence:changed"
    RELAY_RECORD_CREATED = "relay:record:created"
    RELAY_RECORD_RETIRED = "relay:record:retired"
    SESSION_APPROVAL_ASKED = "session:approval:asked"
    SESSION_APPROVAL_GIVEN = "session:approval:given"
    SESSION_APPROVAL_REFUSED = "session:approval:refused"
    SESSION_APPROVAL_VERIFIED = "session:approval:verified"
    SESSION_APPROVAL_VOIDED = "session:approval:voided"
    SESSION_AUTHENTICATION_FAILED = "session:authentication:failed"
    SESSION_AUTHENTICATION_SUCCEEDED = "session:authentication:succeeded"
    SESSION_CHANNEL_CLOSED = "session:channel:closed"
    SESSION_CHANNEL_OPENED = "session:channel:opened"
    SESSION_CHANNEL_REFUSED = "session:channel:refused"
    SESSION_CONSENT_ASKED = "session:consent:asked"
    SESSION_CONSENT_GIVEN = "session:consent:given"
    SESSION_CONSENT_REFUSED = "session:consent:refused"
    SESSION_CONSENT_UNANSWERED = "session:consent:unanswered"
    SESSION_CONTROL_OFFERED = "session:control:offered"
    SESSION_CONTROL_PASSED = "session:control:passed"
    SESSION_CONTROL_TAKEN = "session:control:taken"
    SESSION_CREDENTIALS_ISSUED = "session:credentials:issued"
    SESSION_FILE_RECEIVED = "session:file:received"
    SESSION_FILE_REFUSED = "session:file:refused"
    SESSION_FILE_SENT = "session:file:sent"
    SESSION_LIFE_ENDED = "session:life:ended"
    SESSION_LIFE_LIVE = "session:life:live"
    SESSION_REQUEST_ALLOWED = "session:request:allowed"
    SESSION_REQUEST_REFUSED = "session:request:refused"
    SESSION_REQUEST_ROUTED = "session:request:routed"
    SESSION_REQUEST_WITHDRAWN = "session:request:withdrawn"
    SESSION_TUNNEL_CLOSED = "session:tunnel:closed"
    SESSION_TUNNEL_OPENED = "session:tunnel:opened"
    SESSION_TUNNEL_REFUSED = "session:tunnel:refused"
    SITE_CONTACT_CHANGED = "site:contact:changed"
    SITE_GLASS_BROKEN = "site:glass:broken"
    SITE_GLASS_ENDED = "site:glass:ended"
    SITE_GLASS_REVIEWED = "site:glass:reviewed"
    SITE_KEY_TRUSTED = "site:key:trusted"
    SITE_POLICY_APPLIED = "site:policy:applied"
    SITE_POLICY_REFUSED = "site:policy:refused"
    SITE_WINDOW_CHANGED = "site:window:changed"
