"""Devices that come, ask once and leave: handshakes a second and core, and bytes on the wire.

Mutual TLS 1.3 with a certificate for each device. A relay resumes no session on purpose (7.7 of
docs/protocol/certificates.md), so what a resumed handshake would cost is shown by mosquitto, whose
devices come back with the ticket they were given. Rounds go in turn; a handshake here includes a poll,
or MQTT's CONNECT and its answer.

Bytes on the wire are TCP's payload and 52 bytes of IP and TCP for each segment, both ways, as the
devices' kernel counts them; a day has 2,880 polls.
"""

import asyncio
import contextlib
import os

from bench._fleet import Fleet, Server, numbers, place
from bench.figures import median, report, say

(ROUNDS,) = numbers("ROUNDS", "3")
(SECONDS,) = numbers("SECONDS", "5")
_DEVICES = 64
_HELD = 200
_AT_ONCE = 16
_HEAD = 52
_POLLS_A_DAY = 2_880


async def returning(fleet: Fleet, server: Server, *, resumed: bool) -> tuple[float, float, float]:
    """Return handshakes for a core-second, bytes on the wire for each, and the share resumed."""
    before = server.cpu_s
    answer = await fleet.ask("return", server.port, SECONDS, _AT_ONCE, int(resumed))
    used = server.cpu_s - before
    done, again, failed, out, into, out_segments, in_segments = answer
    if failed or not done:
        raise SystemExit(f"{done:.0f} handshakes, {failed:.0f} failed")
    wire = out + into + _HEAD * (out_segments + in_segments)
    return done / used, wire / done, again / done


async def held_bytes(fleet: Fleet, server: Server, seconds: int) -> float:
    """Return the bytes on the wire of one held poll: the polls of so many seconds at rest."""
    await fleet.connect(server.port)
    await fleet.ask("idle", 1)
    answers, out, into, out_segments, in_segments = await fleet.ask("idle", seconds)
    return (out + into + _HEAD * (out_segments + in_segments)) / answers


async def main() -> None:
    """Measure in turn, and print the figures."""
    with place() as at:
        async with contextlib.AsyncExitStack() as stack:
            fleet = await stack.enter_async_context(at.fleet("polls", _DEVICES))
            mqtt = await stack.enter_async_context(at.fleet("mqtt", _DEVICES))
            relay = await stack.enter_async_context(at.relay(fleet))
            mosquitto = await stack.enter_async_context(at.mosquitto())
            await rounds({"new": (fleet, relay, False), "new.mosquitto": (mqtt, mosquitto, False)})
            await rounds({"resumed.mosquitto": (mqtt, mosquitto, True)})
        async with contextlib.AsyncExitStack() as stack:
            fleet = await stack.enter_async_context(at.fleet("polls", _HELD))
            relay = await stack.enter_async_context(at.relay(fleet, limits="hold_ms = 3000"))
            each = await held_bytes(fleet, relay, 10)
            show_bytes("held", each)
            mqtt = await stack.enter_async_context(at.fleet("mqtt", _HELD))
            mosquitto = await stack.enter_async_context(at.mosquitto())
            show_bytes("held.mosquitto", await held_bytes(mqtt, mosquitto, 30))


async def rounds(ways: dict[str, tuple[Fleet, Server, bool]]) -> None:
    """Let devices return in each of these ways in turn."""
    seen: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    for number in range(ROUNDS):
        for way, (fleet, server, resumed) in ways.items():
            seen[way].append(await returning(fleet, server, resumed=resumed))
            rate, wire, again = seen[way][-1]
            load = os.getloadavg()[0]
            say(
                f"round {number + 1}, {way}: {rate:.0f}/core-s, {wire:.0f} bytes, "
                f"{100 * again:.0f} % resumed, load {load:.1f}"
            )
    for way, figures in seen.items():
        report(f"interval.handshakes.{way}", median(each[0] for each in figures), "/s")
        report(f"interval.resumed_share.{way}", median(100 * each[2] for each in figures), "%")
        show_bytes(way, median(each[1] for each in figures))
    if "new" in seen:
        pairs = zip(seen["new"], seen["new.mosquitto"], strict=True)
        ratio = median(mine[0] / peer[0] for mine, peer in pairs)
        report("interval.handshakes_vs_mosquitto", ratio, "x")


def show_bytes(way: str, each: float) -> None:
    """Print what one poll, and a day of them, put on the wire."""
    report(f"interval.bytes_a_poll.{way}", each, "bytes")
    report(f"interval.bytes_a_day.{way}", each * _POLLS_A_DAY / 1e6, "MB")


if __name__ == "__main__":
    asyncio.run(main())
