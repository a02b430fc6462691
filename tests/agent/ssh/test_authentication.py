"""A certificate, then the device's own second authentication: in that order, and counted."""

import asyncio
import socket

import asyncssh
import pytest
from asyncssh import auth
from asyncssh.packet import String

from bedside.vocabulary import Gate, JournalAction, Outcome
from tests.agent.ssh.kit import KEYS, SESSION, Device, client_options, device

pytestmark = pytest.mark.asyncio

FAILED = JournalAction.SESSION_AUTHENTICATION_FAILED
SUCCEEDED = JournalAction.SESSION_AUTHENTICATION_SUCCEEDED
ONE_TRY = ("-o", "NumberOfPasswordPrompts=1")


async def test_the_certificate_then_both_answers_open_the_session(tmp_path):
    async with device(tmp_path) as play:
        assert (await play.run("ssh", "device", "true")).status == 0
        assert play.hooks.actions()[0] is SUCCEEDED
        assert play.hooks.live == 1
        assert [line.split()[-1] for line in play.asked()] == ["credential:", "code:"]


async def test_who_stands_in_the_middle_with_a_certificate_of_the_host_ca_hears_no_answer(tmp_path):
    """The specialist's computer knows the device's own key, so the CA that certified another is mute."""
    async with device(tmp_path) as play:
        play.known_key = KEYS.other
        result = await play.run("ssh", "device", "true")
        assert result.status == 255
        assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in result.err
        assert play.asked() == []
        assert not play.hooks.live


CERTIFICATES = {
    "other authority": lambda: KEYS.certificate(ca=KEYS.other_ca),
    "other session": lambda: KEYS.certificate(principals=["01JD5W8ZK3Q4R5S6T7V8W9X0YY"]),
    "not valid now": lambda: KEYS.certificate(valid_after="-2h", valid_before="-1h"),
    "unknown option": lambda: KEYS.certificate(force_command="true"),
}


@pytest.mark.parametrize("reason", CERTIFICATES)
async def test_another_certificate_is_refused_aloud_and_journalled(tmp_path, reason):
    async with device(tmp_path) as play:
        play.set_certificate(CERTIFICATES[reason]())
        result = await play.run("ssh", "device", "true")
        assert result.status == 255
        assert "this certificate does not open this session" in result.err
        [entry] = play.hooks.entries
        assert (entry.action, entry.outcome, entry.gate) == (
            FAILED,
            Outcome.REFUSED,
            Gate.USER_CERTIFICATE,
        )
        assert entry.detail == {"reason": reason, "fingerprint": KEYS.specialist.get_fingerprint()}
        assert play.asked() == []


async def test_the_certificate_of_two_sessions_or_of_everybody_is_refused(tmp_path):
    async with device(tmp_path) as play:
        for principals in ([SESSION, "root"], []):
            play.set_certificate(KEYS.certificate(principals=principals))
            assert (await play.run("ssh", "device", "true")).status == 255
            assert play.hooks.entries[-1].detail["reason"] == "other session"


async def test_a_key_that_the_order_does_not_name_is_refused(tmp_path):
    async with device(tmp_path) as play:
        play.set_certificate(KEYS.certificate(key=KEYS.other), KEYS.other)
        assert (await play.run("ssh", "device", "true")).status == 255
        assert play.hooks.entries[-1].detail["reason"] == "other key"


async def test_a_key_without_a_certificate_is_never_enough(tmp_path):
    async with device(tmp_path) as play:
        play.set_certificate(None)
        assert (await play.run("ssh", "device", "true")).status == 255
        await asyncio.sleep(0)
        [entry] = play.hooks.entries
        assert (entry.gate, entry.detail["reason"]) == (
            Gate.USER_CERTIFICATE,
            "key without a certificate",
        )


async def test_the_second_authentication_is_not_asked_first(tmp_path):
    async with device(tmp_path) as play:
        only = ("-o", "PreferredAuthentications=keyboard-interactive,password")
        result = await play.run("ssh", *only, "device", "true")
        assert result.status == 255
        assert "(publickey)" in result.err
        assert play.asked() == []


async def test_a_certificate_offered_without_a_signature_never_counts(tmp_path, monkeypatch):
    """The client hears "this key would do", does not sign, and asks for the next step at once."""
    accepted = []

    class OnlyOffers(auth._ClientPublicKeyAuth):
        def _process_public_key_ok(self, pkttype, pktid, packet):
            accepted.append(packet.get_string())
            self.create_task(
                self._conn.send_userauth_request(b"keyboard-interactive", String(""), String(""))
            )

        _packet_handlers = {auth.MSG_USERAUTH_PK_OK: _process_public_key_ok}

    monkeypatch.setitem(auth._client_auth_handlers, b"publickey", OnlyOffers)
    async with device(tmp_path) as play:
        with pytest.raises(asyncssh.PermissionDenied):
            await connect(play)
        assert accepted == [b"ecdsa-sha2-nistp256-cert-v01@openssh.com"]
        assert play.hooks.checks == 0


async def test_the_first_factor_of_one_user_name_does_not_serve_another(tmp_path, monkeypatch):
    """After the certificate, the client changes its user name and answers rightly."""

    class ChangesItsName(auth._ClientKbdIntAuth):
        async def _start(self):
            self._conn._username = "service"
            await super()._start()

    monkeypatch.setitem(auth._client_auth_handlers, b"keyboard-interactive", ChangesItsName)
    async with device(tmp_path) as play:
        with pytest.raises(asyncssh.PermissionDenied):
            await connect(play)
        assert SUCCEEDED not in play.hooks.actions()


async def test_wrong_answers_are_counted_over_connections_then_the_session_is_over(tmp_path):
    async with device(tmp_path) as play:
        live = await play.start("ssh", "-tt", "device", "sleep 60")
        await until(lambda: play.hooks.live == 1)
        play.credential = "wrong"
        assert (await play.run("ssh", *ONE_TRY, "device", "true")).status == 255
        play.credential, play.code = "bedside-support-1", "000000"
        result = await play.run("ssh", *ONE_TRY, "device", "true")
        assert result.status == 255
        assert play.hooks.refusals == []
        result = await play.run("ssh", *ONE_TRY, "device", "true")
        assert "the second authentication was wrong too often" in result.err
        failures = [entry for entry in play.hooks.entries if entry.action is FAILED]
        assert [entry.gate for entry in failures] == [
            Gate.SUPPORT_CREDENTIAL,
            Gate.PRESENCE_CODE,
            Gate.PRESENCE_CODE,
        ]
        assert failures[-1].detail == {"attempt": 3, "remaining": 0}
        assert play.hooks.refusals == [Gate.PRESENCE_CODE]
        assert play.endpoint.locked_by is Gate.PRESENCE_CODE
        assert await asyncio.wait_for(live.wait(), 60) == 255
        live._transport.close()
        play.code = "123456"
        assert (await play.run("ssh", "device", "true")).status == 255
        assert play.hooks.live == 1


async def test_three_wrong_answers_on_one_connection_are_as_many(tmp_path):
    async with device(tmp_path) as play:
        play.code = "999999"
        result = await play.run("ssh", "device", "true")
        assert "wrong too often" in result.err
        assert play.hooks.gates() == [Gate.PRESENCE_CODE] * 3
        assert play.hooks.refusals == [Gate.PRESENCE_CODE]


async def test_a_wrong_answer_and_then_a_right_one_opens_the_session(tmp_path):
    async with device(tmp_path) as play:
        play.code = "999999"
        assert (await play.run("ssh", *ONE_TRY, "device", "true")).status == 255
        play.code = "123 456"
        assert (await play.run("ssh", "device", "true")).status == 0


async def test_what_the_certificate_does_not_permit_stays_refused_after_the_second_step(tmp_path):
    async with device(tmp_path, port=4) as play:
        play.set_certificate(KEYS.certificate(permit_port_forwarding=False, permit_pty=False))
        result = await play.run("ssh", "-W", "127.0.0.1:4", "device")
        assert result.status != 0
        assert "not permitted" in result.err
        assert play.hooks.entries[-1].gate is Gate.USER_CERTIFICATE
        assert play.hooks.entries[-1].detail["name"] == "permit-port-forwarding"
        result = await play.run("ssh", "-tt", "device", "tty")
        assert "PTY allocation request failed" in result.err
        assert "permit-pty" in [entry.detail.get("name") for entry in play.hooks.entries]


async def test_an_endless_client_is_cut_off(tmp_path, monkeypatch):
    """It asks for the same step again and again."""

    requests = []

    class Repeats(auth._ClientNullAuth):
        async def _start(self):
            for _ in range(30):
                requests.append(1)
                await self.send_request()

    monkeypatch.setitem(auth._client_auth_handlers, b"none", Repeats)
    async with device(tmp_path) as play:
        with pytest.raises((asyncssh.DisconnectError, OSError)):
            await connect(play)


async def connect(play: Device) -> None:
    """Connect with asyncssh's own client, whose steps a test can change."""
    line = socket.socket(socket.AF_UNIX)
    line.setblocking(False)
    await asyncio.get_running_loop().sock_connect(line, str(play.socket))

    conn = await asyncssh.run_client(line, options=client_options(play))
    conn.abort()


async def until(condition, seconds=60.0):
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another program does it
            await asyncio.sleep(0.01)
