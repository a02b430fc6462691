"""The two product profiles of the demonstration are real ones: the strict parser takes them."""

from importlib.resources import files

import pytest

from bedside.protocol.profile import parse_profile
from bedside.vocabulary import AccessKind, Mode

PROFILES = files("bedside.demo") / "profiles"


@pytest.mark.parametrize("name", ["contrast-injector", "workstation"])
def test_a_profile_is_named_as_its_file(name: str) -> None:
    assert parse_profile((PROFILES / f"{name}.toml").read_bytes()).id == name


def test_the_injector_offers_both_accesses_and_observation() -> None:
    injector = parse_profile((PROFILES / "contrast-injector.toml").read_bytes())

    assert injector.access_kinds == {AccessKind.SERVICE, AccessKind.SYSTEM}
    assert injector.service is not None
    assert injector.service.command_in(Mode.VIEW) == (
        "/opt/injector/bin/injector",
        "menu",
        "--view",
    )
    assert [item.name for item in injector.data_items] == [
        "service.log",
        "trace.csv",
        "settings.ini",
    ]


def test_the_workstation_is_software_only_and_has_no_system_access() -> None:
    workstation = parse_profile((PROFILES / "workstation.toml").read_bytes())

    assert workstation.software_only
    assert workstation.access_kinds == {AccessKind.SERVICE}
