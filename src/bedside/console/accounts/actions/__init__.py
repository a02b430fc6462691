"""Every change to organisations, people and sign-ins, each with its journal entry."""

from bedside.console.accounts.actions.factors import do_reset_factors, do_use_factor_link
from bedside.console.accounts.actions.invitations import (
    InvitationGoneError,
    do_accept_invitation,
    do_invite,
    do_send_invitation,
)
from bedside.console.accounts.actions.organisations import (
    ContactDetails,
    do_end_single_sign_on,
    do_save_contacts,
    do_save_organisation,
    do_save_single_sign_on,
)
from bedside.console.accounts.actions.people import (
    PersonDetails,
    check_not_oneself,
    check_vetted,
    do_change_person,
    do_close_account,
    do_create_person,
    do_leave_account,
    do_open_account,
    do_review_person,
    do_set_password,
    do_unlock_person,
)
from bedside.console.accounts.actions.sign_ins import (
    do_end_all_sign_ins,
    do_note_failed_sign_in,
    do_note_password_change,
    do_note_second_factor,
    do_note_sign_in,
    do_note_sign_out,
)

__all__ = [
    "ContactDetails",
    "InvitationGoneError",
    "PersonDetails",
    "check_not_oneself",
    "check_vetted",
    "do_accept_invitation",
    "do_change_person",
    "do_close_account",
    "do_create_person",
    "do_end_all_sign_ins",
    "do_end_single_sign_on",
    "do_invite",
    "do_leave_account",
    "do_note_failed_sign_in",
    "do_note_password_change",
    "do_note_second_factor",
    "do_note_sign_in",
    "do_note_sign_out",
    "do_open_account",
    "do_reset_factors",
    "do_review_person",
    "do_save_contacts",
    "do_save_organisation",
    "do_save_single_sign_on",
    "do_send_invitation",
    "do_set_password",
    "do_unlock_person",
    "do_use_factor_link",
]
