"""What a relay needs to pair the legs of a session, and when it must forget it."""

from collections.abc import Sequence

from bedside.console.relays.actions.events import EventKind, add_event
from bedside.console.relays.models import Tunnel
from bedside.vocabulary import Ending

__all__ = ["do_end_tunnel", "do_move_tunnels", "do_note_tunnel_opened", "do_open_tunnel"]


def do_open_tunnel(
    session: str,
    device: str,
    *,
    relay: str,
    device_proofs: Sequence[str],
    specialist_proofs: Sequence[str],
    not_after_ms: int,
    idle_s: int,
    max_bytes: int,
    now: int,
) -> None:
    """Let a relay pair the legs of `session`: it learns only the hashes of the legs' proofs.

    `relay` is empty where the device has not been seen yet; the tunnel then follows its order.
    """
    Tunnel.objects.create(
        session=session,
        device=device,
        relay=relay,
        device_proofs=list(device_proofs),
        specialist_proofs=list(specialist_proofs),
        not_after_ms=not_after_ms,
        idle_s=idle_s,
        max_bytes=max_bytes,
    )
    if relay:
        add_event(EventKind.TUNNEL, session, relay=relay, now=now)


def do_end_tunnel(session: str, ending: Ending, *, now: int) -> bool:
    """Let the relay close both legs of a session; return whether there was anything to end."""
    tunnel = Tunnel.objects.filter(pk=session, ending="").first()
    if tunnel is None:
        return False
    tunnel.ending = ending
    tunnel.save(update_fields=["ending"])
    if tunnel.relay:
        add_event(EventKind.TUNNEL_ENDED, session, relay=tunnel.relay, now=now)
    return True


def do_note_tunnel_opened(session: str) -> None:
    """Note that both legs have met: from now on the tunnel stays where it is."""
    Tunnel.objects.filter(pk=session).update(opened=True)


def do_move_tunnels(sessions: set[str], relay: str, *, now: int) -> None:
    """Let tunnels that nobody used follow their orders to another relay."""
    for tunnel in Tunnel.objects.filter(pk__in=sessions, opened=False, ending=""):
        tunnel.relay = relay
        tunnel.save(update_fields=["relay"])
        add_event(EventKind.TUNNEL, tunnel.session, relay=relay, now=now)
