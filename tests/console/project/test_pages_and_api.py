"""Whatever a page does, the REST API does: a page without its operation is a fault."""

from bedside.console.pages.urls import urlpatterns
from tests.console.description import DESCRIPTION

# The address of a page, and the operations that do the same.
SAME = {
    "access_review": "accessReview",
    "access_review_export": "accessReview",
    "account": "me",
    "alarm_rule_remove": "removeAlarmRule",
    "alarms": "listAlarms listAlarmRules setAlarmRule listMutes setMute",
    "break_glass": "breakGlass",
    "browser_end": "endBrowser endBrowsers",
    "browsers": "listBrowsers",
    "case": "getCase closeCase",
    "case_release": "releaseCase",
    "case_take": "takeCase",
    "cases": "listCases",
    "contact_remove": "removeContact",
    "device": "getDevice",
    "device_enrol": "offerEnrolment",
    "device_journal": "exportDeviceJournal",
    "device_lock": "lockDevice setLock",
    "device_revoke": "revokeDevice",
    "device_unlock": "unlockDevice clearLock",
    "entitlements": "listContracts saveContract",
    "fleet": "listDevices",
    "glass_end": "endBrokenGlass",
    "glass_review": "getBrokenGlass reviewBrokenGlass listBrokenGlass",
    "hook_remove": "removeHook",
    "invite": "invitePerson",
    "journal": "readJournal",
    "journal_entry": "readEntry",
    "journal_export": "exportJournal",
    "journal_proofs": "readEntry",
    "lock_clear": "clearLock",
    "locks": "listLocks setLock",
    "mute_end": "endMute",
    "notice_again": "sendAgain",
    "notices": "listNotices",
    "organisation": "saveOrganisation",
    "organisation_new": "saveOrganisation",
    "organisation_sign_on": "getSignOn saveSignOn endSignOn",
    "organisations": "listOrganisations",
    "people": "listPeople",
    "person": "getPerson listPasskeys",
    "person_close": "closePerson",
    "person_edit": "changePerson",
    "person_end_training": "endTraining",
    "person_factors": "resetFactors",
    "person_invitation": "sendInvitation",
    "person_leave": "leavePerson",
    "person_open": "openPerson",
    "person_review": "reviewPerson",
    "person_train": "trainPerson",
    "person_workstation": "enrolWorkstation removeWorkstation",
    "pin_remove": "saveRelayPin",
    "policy": "getRules previewRules saveRules",
    "relay_retire": "retireRelay",
    "relays": "getRelays listRelayPins saveRelayPin",
    "request": "requestNeeds requestSession",
    "session": "getSession",
    "session_approve": "listApprovals getApproval approveSession refuseSession",
    "session_end": "endSession",
    "session_watch": "getSession listActs",
    "sessions": "listSessions",
    "simulator": "simulate",
    "site": "getSite",
    "site_approver": "getApprover",
    "site_arrange": "arrangeSite",
    "site_contacts": "listContacts addContact",
    "site_hook_add": "listHooks addHook",
    "site_policy": "getSitePolicy registerSiteKey publishSitePolicy",
    "site_windows": "listWindows openWindow",
    "sites": "listSites",
    "token_revoke": "revokeOwnToken",
    "tokens": "listTokens",
    "training": "listTraining",
    "window_close": "closeWindow",
}
# A token is made after confirming who one is, which a program cannot; a language is a header.
PAGES_ONLY = {"language", "token_make"}


def test_every_page_has_its_operations():
    paths = DESCRIPTION["paths"]
    known = {each["operationId"] for methods in paths.values() for each in methods.values()}
    assert {pattern.name for pattern in urlpatterns} == SAME.keys() | PAGES_ONLY
    named = {operation for operations in SAME.values() for operation in operations.split()}
    assert named <= known
