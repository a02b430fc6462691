"""How the device reaches its relays: ports in order, proxies, interval mode, wrong authorities."""

import asyncio
from dataclasses import replace

import pytest
from cryptography import x509

from bedside.testing.certificates import PocketAuthority
from bedside.vocabulary import PollMode
from tests.agent.proxy_server import ProxyServer
from tests.agent.test_session_life import let_in
from tests.agent.world import World, world

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


async def one_session(play: World) -> None:
    operator = await play.operator()
    order, specialist = await let_in(play, operator)
    status, out, errors = await specialist.run("ssh", "device", "echo through")
    assert (status, out) == (0, "through\n"), errors
    await asyncio.to_thread(operator.stop)
    await play.wait_for_entry("session:life:ended", session=order.session)
    operator.leave()


def use_proxy(play: World, port: int, more: str = "") -> None:
    text = play.config_file.read_text()
    play.config_file.write_text(f'{text}[proxy]\nhost = "127.0.0.1"\nport = {port}\n{more}')


async def begin(play: World) -> None:
    status, out = await play.enrol()
    assert status == 0, out
    await play.set_credential()
    play.start_agent()
    await play.configure()
    await play.wait_for_entry("configuration:document:applied")


async def test_everything_through_a_proxy_without_a_password(tmp_path):
    async with ProxyServer() as proxy, world(tmp_path, enrolled=False) as play:
        use_proxy(play, proxy.port)
        await begin(play)
        await one_session(play)
        ports = {str(place.ports[0]) for place in play.places.values()}
        assert len(proxy.carried) >= 4
        assert {where.rpartition(":")[2] for where in proxy.carried} <= ports


async def test_everything_through_a_proxy_with_a_password(tmp_path):
    async with ProxyServer("bedside", "söme") as proxy, world(tmp_path, enrolled=False) as play:
        (play.state / "password").touch(mode=0o600)
        (play.state / "password").write_text("söme\n")
        use_proxy(play, proxy.port, 'user = "bedside"\npassword_file = "password"\n')
        await begin(play)
        await one_session(play)
        assert proxy.refused == 0
        status, out = await play.command("check")
        assert status == 0, out
        assert f"127.0.0.1:{proxy.port}" in out


async def test_a_proxy_that_wants_another_password_opens_nothing(tmp_path):
    async with ProxyServer("bedside", "right") as proxy, world(tmp_path, enrolled=False) as play:
        (play.state / "password").touch(mode=0o600)
        (play.state / "password").write_text("wrong")
        use_proxy(play, proxy.port, 'user = "bedside"\npassword_file = "password"\n')
        status, out = await play.enrol()
        assert status == 4
        assert "407" in out
        assert proxy.refused
        assert not proxy.carried


async def test_ports_that_the_firewall_drops_are_passed_over(tmp_path):
    async with world(tmp_path, relays="a", enrolled=False) as play:
        place = play.places["a"]
        closed = (place.ports[0] % 60_000 + 1024, place.ports[0] % 60_000 + 1025)
        play.places["a"] = replace(place, ports=(*closed, place.ports[0]))
        await begin(play)
        await one_session(play)
        status, out = await play.command("check")
        assert status == 0, out
        assert f"{place.host}:{place.ports[0]}  open" in out
        assert f"{place.host}:{closed[0]}  refused" in out


async def test_between_interval_polls_there_is_no_connection(tmp_path):
    async with world(tmp_path) as play:
        await play.configure(poll_mode=PollMode.INTERVAL)
        await play.wait_until(
            lambda: any(entry["detail"].get("serial") == play.serial for entry in play.entries)
        )
        seen = []
        for _ in range(100):
            await play.read_reports()
            seen.append(sum(relay.polls.counts["held"] for relay in play.relays.values()))
            await asyncio.sleep(0.05)
        assert seen[-1] == 0
        await one_session(play)


async def test_a_relay_of_another_authority_is_refused_and_journalled(tmp_path):
    async with world(tmp_path, relays="a", enrolled=False) as play:
        await begin(play)
        await play.stop_relay("a")
        other = PocketAuthority(play.folder / "other").relay("a", "relay-a.example")
        real, play.maker.relay = play.maker.relay, lambda name, server_name: other
        await play.start_relay("a")
        await play.wait_until(
            lambda: any(
                entry["action"] == "relay:connection:refused" and entry["gate"] == "certificate"
                for entry in play.journal()
            )
        )
        operator = await play.operator()
        assert operator.status.connection.relay is None
        await play.stop_relay("a")
        play.maker.relay = real
        await play.start_relay("a")
        await play.wait_for_entry("relay:connection:refused")
        operator.leave()


async def test_a_relay_with_a_revoked_certificate_is_refused_and_one_with_a_new_one_is_not(
    tmp_path,
):
    async with world(tmp_path, relays="a") as play:
        retired = play.maker.relay("a", "relay-a.example")
        await play.configure(revoked=(retired.serial,))
        await applied(play)
        real, play.maker.relay = play.maker.relay, lambda name, server_name: retired
        await play.stop_relay("a")
        await play.start_relay("a")
        await play.wait_until(
            lambda: any(
                entry["action"] == "relay:connection:refused" and entry["gate"] == "certificate"
                for entry in play.journal()
            )
        )
        status, out = await play.command("check")
        assert status != 0
        assert "certificate" in out
        play.maker.relay = real
        await play.stop_relay("a")
        await play.start_relay("a")
        await play.configure()
        await applied(play)


async def test_a_relays_new_key_cuts_nobody_off(tmp_path):
    """The order of `add-relay --new-key`: the relay shows the new one, then the old one is revoked."""
    async with world(tmp_path, relays="a") as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        relay = play.relays["a"]
        shown = x509.load_pem_x509_certificate(relay.config.certificate.read_bytes())
        renewed = play.maker.relay("a", "relay-a.example")
        play.live.know("a", renewed.certificate)
        relay.reload()
        await play.configure(revoked=(f"{shown.serial_number:x}",))
        await applied(play)
        status, out, errors = await specialist.run("ssh", "device", "echo through")
        assert (status, out) == (0, "through\n"), errors
        await asyncio.to_thread(operator.stop)
        await play.wait_for_entry("session:life:ended", session=order.session)
        status, out = await play.command("check")
        assert status == 0, out
        assert not [each for each in play.journal() if each["action"].endswith("refused")]
        operator.leave()


async def applied(play: World) -> None:
    await play.wait_until(
        lambda: any(entry["detail"].get("serial") == play.serial for entry in play.journal())
    )
