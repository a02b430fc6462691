"""Enrolment passes through unread, slowly, and nothing else passes without a certificate."""

import asyncio
from dataclasses import replace

import pytest

from bedside.protocol.poll import parse_refusal
from bedside.vocabulary import Gate
from tests.relay.world import DEVICE, PATIENT, running

EST = "/.well-known/est/"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [("GET", "cacerts", None), ("GET", "csrattrs", None), ("POST", "simpleenroll", b"MIIB")],
)
async def test_a_newcomer_may_ask_three_verbs(tmp_path, method, verb, body):
    async with running(tmp_path) as world:
        world.live.est_answer = (200, {"content-type": "application/pkcs7-mime"}, b"MIIC")
        client = await world.newcomer()
        headers = {"content-type": "application/pkcs10"} if body else {}
        answer = await client.ask(method, EST + verb, body, **headers)
        assert (answer.status, answer.body) == (200, b"MIIC")
        assert answer.headers["content-type"] == "application/pkcs7-mime"
        ((asked, told, sent),) = world.live.enrolments
        assert (asked, sent) == (verb, body or b"")
        assert told["bedside-address"] == "127.0.0.1"
        assert "bedside-peer" not in told


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", EST + "simplereenroll"),
        ("POST", "/v1/poll"),
        ("GET", EST + "simpleenroll"),
        ("GET", EST + "cacerts?"),
        ("GET", EST + "../cacerts"),
    ],
)
async def test_a_newcomer_may_ask_nothing_else(tmp_path, method, target):
    async with running(tmp_path) as world:
        client = await world.newcomer()
        assert (await client.ask(method, target, b"")).status == 404
        assert world.live.enrolments == []


@pytest.mark.asyncio
async def test_a_device_renews_under_its_own_certificate(tmp_path):
    async with running(tmp_path) as world:
        mine = world.authority.device(DEVICE)
        world.live.est_answer = (200, {}, b"MIIC")
        device = await world.device(credentials=mine)
        assert (await device.ask("POST", EST + "simplereenroll", b"MIIB")).body == b"MIIC"
        ((verb, told, _),) = world.live.enrolments
        assert verb == "simplereenroll"
        assert told["bedside-peer"] == f"bedside:device/{DEVICE}"
        assert told["bedside-peer-serial"] == mine.serial


@pytest.mark.asyncio
async def test_the_consoles_refusal_is_the_devices_answer(tmp_path):
    async with running(tmp_path) as world:
        world.live.est_answer = (403, {}, b'{"v":1}')
        answer = await (await world.newcomer()).ask("POST", EST + "simpleenroll", b"MIIB")
        assert (answer.status, answer.body) == (403, b'{"v":1}')


@pytest.mark.asyncio
async def test_one_request_a_second_from_one_source(tmp_path):
    async with running(tmp_path) as world:
        both = await world.newcomer(), await world.newcomer()
        # At once: a second is over soon.
        answers = await asyncio.gather(*(each.ask("GET", EST + "cacerts") for each in both))
        served, refused = sorted(answers, key=lambda answer: answer.status)
        assert served.status == 200
        assert (refused.status, parse_refusal(refused.body).gate) == (429, Gate.LIMIT)
        assert len(world.live.enrolments) == 1


@pytest.mark.asyncio
async def test_a_body_beyond_the_limit_is_refused(tmp_path):
    async with running(tmp_path) as world:
        client = await world.newcomer()
        assert (await client.ask("POST", EST + "simpleenroll", bytes(8_193))).status == 413
        device = await world.device()
        assert (await device.ask("POST", EST + "simplereenroll", bytes(8_193))).status == 413
        assert world.live.enrolments == []


@pytest.mark.asyncio
async def test_without_the_console_nobody_enrols_and_is_told_when_to_return(tmp_path):
    async with running(tmp_path) as world:
        await world.live.stop()
        answer = await (await world.newcomer()).ask("GET", EST + "cacerts")
        assert (answer.status, parse_refusal(answer.body).retry_in_ms) == (503, 10_000)


@pytest.mark.asyncio
async def test_a_console_that_takes_too_long_is_not_waited_for(tmp_path):
    async with running(tmp_path, replace(PATIENT, console_answer_ms=200)) as world:
        world.live.est_pause_s = 5
        answer = await (await world.newcomer()).ask("GET", EST + "cacerts")
        assert answer.status == 503
