"""What changes between the console and its relays; call each inside the change's transaction."""

from bedside.console.relays.actions.messages import (
    do_expire_messages,
    do_note_delivered,
    do_send_message,
    do_withdraw_messages,
)
from bedside.console.relays.actions.presence import (
    ContactChange,
    Noted,
    Sighting,
    do_expect_device,
    do_note_sightings,
    do_settle,
)
from bedside.console.relays.actions.records import (
    AssertionTimes,
    do_accept_batch,
    do_add_relay,
    do_begin_feed_anew,
    do_forget_old,
    do_hold_relay,
    do_note_begun,
    do_note_draining,
    do_note_relay_certificate,
    do_note_relay_refused,
    do_note_relays,
    do_use_assertion,
)
from bedside.console.relays.actions.refusals import (
    do_refuse_device,
    do_restore_device,
    do_revoke_certificates,
)
from bedside.console.relays.actions.replacement import do_note_key_replaced, do_revoke_replaced
from bedside.console.relays.actions.retirement import RelayKeptError, do_retire_relay
from bedside.console.relays.actions.tunnels import (
    do_end_tunnel,
    do_note_tunnel_opened,
    do_open_tunnel,
)

__all__ = [
    "AssertionTimes",
    "ContactChange",
    "Noted",
    "RelayKeptError",
    "Sighting",
    "do_accept_batch",
    "do_add_relay",
    "do_begin_feed_anew",
    "do_end_tunnel",
    "do_expect_device",
    "do_expire_messages",
    "do_forget_old",
    "do_hold_relay",
    "do_note_begun",
    "do_note_delivered",
    "do_note_draining",
    "do_note_key_replaced",
    "do_note_relay_certificate",
    "do_note_relay_refused",
    "do_note_relays",
    "do_note_sightings",
    "do_note_tunnel_opened",
    "do_open_tunnel",
    "do_refuse_device",
    "do_restore_device",
    "do_retire_relay",
    "do_revoke_certificates",
    "do_revoke_replaced",
    "do_send_message",
    "do_settle",
    "do_use_assertion",
    "do_withdraw_messages",
]
