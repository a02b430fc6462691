"""What sslyze finds at the relay is what the security page explains, no more and no less."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.relay.world import DEVICE, NAME, PATIENT, running

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security" / "tls.md"
FINDING = re.compile(r"^\s+\* (\w+: .*)$", re.MULTILINE)
SUITES = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}


async def scan(world, file):
    mine = world.authority.device(DEVICE)
    process = await asyncio.create_subprocess_exec(
        ROOT / ".venv-scan" / "bin" / "sslyze",
        *("--cert", mine.certificate, "--key", mine.key),
        *("--mozilla_config", "modern", "--early_data", "--json_out", file),
        f"{NAME}:{world.port}{{127.0.0.1}}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    (result,) = json.loads(file.read_bytes())["server_scan_results"]
    assert result["scan_status"] == "COMPLETED", output.decode()
    return {in_order(each) for each in FINDING.findall(output.decode())}, result["scan_result"]


def in_order(finding):
    """sslyze prints sets as Python does, in no order."""
    return re.sub(
        r"\{.*\}", lambda names: f"{{{', '.join(sorted(names[0][1:-1].split(', ')))}}}", finding
    )


@pytest.mark.asyncio
async def test_every_finding_is_explained_and_every_explanation_is_needed(tmp_path):
    explained = set(
        re.findall(r"^\| `(\w+: .+?)` \| .+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    )
    async with running(tmp_path, PATIENT) as world:
        found, result = await scan(world, tmp_path / "scan.json")
    assert found == explained
    for version in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2"):
        assert result[f"{version}_cipher_suites"]["result"]["accepted_cipher_suites"] == []
    accepted = result["tls_1_3_cipher_suites"]["result"]["accepted_cipher_suites"]
    assert {each["cipher_suite"]["name"] for each in accepted} == SUITES
    assert not result["tls_1_3_early_data"]["result"]["supports_early_data"]
    assert not result["tls_compression"]["result"]["supports_compression"]
    assert not result["heartbleed"]["result"]["is_vulnerable_to_heartbleed"]
