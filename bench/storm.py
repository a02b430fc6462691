"""A relay dies under all its held devices, and they come back to another one.

Two relay processes follow one console's stand-in. DEVICES devices are held by the first, which is
killed; live tunnels run through the second, where the devices go. Two storms: devices that do as the
agent's plan says (once more where they were, then elsewhere at random within the dictated span, and
again as 13.12 says where the relay has no turn for them), and devices that ignore every span and come
at once. A device gives up a handshake after 8 s, and then backs off with full jitter from 2 s on.
"""

import asyncio
import os

from bench._fleet import Fleet, Place, Server, numbers, place
from bench.figures import report, say

(DEVICES,) = numbers("DEVICES", "19000")
(SPAN_MS,) = numbers("SPAN_MS", "30000")
_TUNNELS = 4
_BEAT_US = 5_000
_LIMIT_S = 120
_CALM_S = 5
_LIMITS = f"lost_ms = {SPAN_MS}"


async def storm(
    fleet: Fleet, tunnels: Fleet, lost: Server, left: Server, *, obeys: bool, name: str
) -> None:
    """Kill one relay, wait until all devices are at the other, and print the figures."""
    await fleet.ask("storm", lost.port, left.port, int(obeys), _LIMIT_S)
    await tunnels.ask("stalls")
    before = left.memory_kib
    cpu = left.cpu_s
    lost.process.kill()
    figures = await fleet.answer()
    back, half_back, most_back, all_back, refused, timed_out, p50, most, turned_away = figures
    _, stall_p99, stall, broken = await tunnels.ask("stalls")
    report(f"storm.back{name}", back, "devices")
    report(f"storm.back_p50{name}", half_back, "s")
    report(f"storm.back_p99{name}", most_back, "s")
    report(f"storm.all_back{name}", all_back, "s")
    report(f"storm.failed{name}", refused + timed_out, "handshakes")
    report(f"storm.timed_out{name}", timed_out, "handshakes")
    report(f"storm.told_to_come_later{name}", turned_away, "connections")
    report(f"storm.handshake_p50{name}", p50, "ms")
    report(f"storm.handshake_max{name}", most, "ms")
    report(f"storm.tunnel_stall_p99{name}", stall_p99 / 1000, "ms")
    report(f"storm.tunnel_stall_max{name}", stall / 1000, "ms")
    report(f"storm.tunnels_broken{name}", broken, "tunnels")
    report(f"storm.cpu{name}", left.cpu_s - cpu, "s")
    held = (left.memory_kib - before) / max(back, 1)
    report(f"storm.memory{name}", held, "KiB")
    peak = (left.memory_peak_kib - before) / max(back, 1)
    report(f"storm.memory_peak{name}", peak, "KiB")
    say(f"load {os.getloadavg()[0]:.1f}")


async def play(at: Place, *, obeys: bool, name: str) -> None:
    """Play one storm with fresh relays."""
    async with (
        at.fleet("polls", DEVICES) as fleet,
        at.relay(fleet, limits=_LIMITS) as lost,
        at.relay(fleet, limits=_LIMITS) as left,
        at.fleet(
            "polls", 0
        ) as tunnels,  # a process of its own: the devices' own rush is not theirs
    ):
        await tunnels.ask("tunnels", left.port, _TUNNELS, _BEAT_US)
        seconds = await fleet.connect(lost.port)
        await tunnels.ask("stalls")
        await asyncio.sleep(_CALM_S)
        report(f"storm.tunnel_stall_max.calm{name}", (await tunnels.ask("stalls"))[2] / 1000, "ms")
        say(f"{DEVICES} devices after {seconds:.1f} s")
        await storm(fleet, tunnels, lost, left, obeys=obeys, name=name)


async def main() -> None:
    """Play a storm that obeys, and one that does not."""
    with place(tunnels=_TUNNELS) as at:
        await play(at, obeys=True, name="")
        await play(at, obeys=False, name=".ignoring")


if __name__ == "__main__":
    asyncio.run(main())
