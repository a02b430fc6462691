"""A fleet of held devices on one relay process, beside mosquitto holding as many in the same run.

DEVICES=5000,19000,50000 says how many; more than 19,000 are spread over several relays, without a peer
(one process may open 20,000 files here). ROUNDS=3 wakes are measured in turn with mosquitto's.

A device polls every 30 s and is held; for mosquitto it pings every 30 s, subscribed to its own topic
at least once. A wake is an order enqueued at the console's stand-in, or a publish, until its bytes are
at the device. Both servers, both generators and whatever else runs share this machine's cores.
"""

import asyncio
import contextlib
import os

from bench._fleet import Fleet, Place, Server, Wake, numbers, place
from bench.figures import median, report, say

DEVICES = numbers("DEVICES", "5000,19000,50000")
(ROUNDS,) = numbers("ROUNDS", "3")
(IDLE_S,) = numbers("IDLE_S", "30")
ONE_PROCESS = 19_000
_ORDERS = 600
_GAP_US = 8_000
_SATURATING = 200
_SATURATED_S = 5


async def beside(at: Place, count: int) -> None:
    """Hold `count` devices on a relay, and on mosquitto, and print the figures of both."""
    async with contextlib.AsyncExitStack() as stack:
        names = ("bedside", "mosquitto")
        fleets, servers = {}, {}
        for name, speech in zip(names, ("polls", "mqtt"), strict=True):
            fleet = await stack.enter_async_context(at.fleet(speech, count))
            started = at.relay(fleet) if name == "bedside" else at.mosquitto()
            fleets[name], servers[name] = fleet, await stack.enter_async_context(started)
        before = {name: server.memory_kib for name, server in servers.items()}
        for name in names:
            seconds = await fleets[name].connect(servers[name].port)
            say(f"{count} devices on {name} after {seconds:.1f} s, load {os.getloadavg()[0]:.1f}")
        cpu = {name: server.cpu_s for name, server in servers.items()}
        await asyncio.gather(*(fleet.ask("idle", IDLE_S) for fleet in fleets.values()))
        held = {}
        for name, server in servers.items():
            held[name] = (server.memory_kib - before[name]) / count
            report(f"fleet.memory.{name}.{count}", held[name], "KiB")
            report(f"fleet.cpu.{name}.{count}", 100 * (server.cpu_s - cpu[name]) / IDLE_S, "%")
        report(f"fleet.memory_vs_mosquitto.{count}", held["bedside"] / held["mosquitto"], "x")
        await wake(fleets, count)
        for name, speech in zip(names, ("polls", "mqtt"), strict=True):
            await saturate(at, servers[name], name=name, speech=speech, count=count)


async def wake(fleets: dict[str, Fleet], count: int) -> None:
    """Wake devices in turn."""
    rounds: dict[str, list[Wake]] = {name: [] for name in fleets}
    for number in range(ROUNDS):
        for name, fleet in fleets.items():
            woken = await fleet.wake(_ORDERS, gap_us=_GAP_US)
            rounds[name].append(woken)
            say(
                f"round {number + 1}, {name}: p50 {woken.p50:.3f} ms, p99 {woken.p99:.3f} ms, "
                f"most {woken.most:.1f} ms, {woken.lost} lost, load {os.getloadavg()[0]:.1f}"
            )
    show_wake(rounds["bedside"], f"{count}")
    show_wake(rounds["mosquitto"], f"mosquitto.{count}")
    pairs = zip(rounds["bedside"], rounds["mosquitto"], strict=True)
    report(f"fleet.wake_p50_vs_mosquitto.{count}", median(a.p50 / b.p50 for a, b in pairs), "x")


def show_wake(rounds: list[Wake], name: str) -> None:
    """Print the medians of these rounds."""
    report(f"fleet.wake_p50.{name}", median(each.p50 for each in rounds), "ms")
    report(f"fleet.wake_p99.{name}", median(each.p99 for each in rounds), "ms")
    report(f"fleet.wake_lost.{name}", sum(each.lost for each in rounds), "orders")


async def saturate(at: Place, server: Server, *, name: str, speech: str, count: int) -> None:
    """Let some more devices ask as fast as they are answered, while the others are held."""
    async with at.fleet(speech, _SATURATING, first=900_000) as some:
        await some.ask("saturate", server.port, _SATURATED_S)
        before = server.cpu_s
        (answers,) = await some.answer()
        used = server.cpu_s - before
    figure = "fleet.polls_per_core" if name == "bedside" else "fleet.pings_per_core.mosquitto"
    last = "" if count == ONE_PROCESS else f".{count}"
    report(figure + last, answers / used, "/s")
    say(f"{answers:.0f} answers in {_SATURATED_S} s, {used:.2f} s of CPU")


async def over_several(at: Place, count: int) -> None:
    """Spread `count` devices over several relay processes, each under its own generator."""
    many = -(-count // ONE_PROCESS)
    share = count // many
    async with contextlib.AsyncExitStack() as stack:
        fleets, servers = [], []
        for index in range(many):
            fleet = await stack.enter_async_context(at.fleet("polls", share, first=index * share))
            fleets.append(fleet)
            servers.append(await stack.enter_async_context(at.relay(fleet)))
        before = [server.memory_kib for server in servers]
        for fleet, server in zip(fleets, servers, strict=True):
            seconds = await fleet.connect(server.port)
            say(f"{share} devices after {seconds:.1f} s, load {os.getloadavg()[0]:.1f}")
        cpu = sum(server.cpu_s for server in servers)
        await asyncio.gather(*(fleet.ask("idle", IDLE_S) for fleet in fleets))
        used = sum(server.cpu_s for server in servers) - cpu
        held = sum(server.memory_kib for server in servers) - sum(before)
        report(f"fleet.memory.bedside.{count}", held / (share * many), "KiB")
        report(f"fleet.cpu.bedside.{count}", 100 * used / IDLE_S, "%")
        show_wake([await fleet.wake(_ORDERS, gap_us=_GAP_US) for fleet in fleets], f"{count}")


async def main() -> None:
    """Measure each size and print its figures."""
    with place() as at:
        for count in DEVICES:
            await (beside if count <= ONE_PROCESS else over_several)(at, count)


if __name__ == "__main__":
    asyncio.run(main())
