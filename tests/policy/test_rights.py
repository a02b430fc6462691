"""Roles are sets of permissions, and only the specialist may ask for a session."""

import pytest

from bedside.policy.rights import RIGHTS, permissions
from bedside.vocabulary import Permission, Role


def test_every_role_has_its_rights():
    assert RIGHTS.keys() == set(Role)


def test_no_role_no_right():
    assert permissions(None) == frozenset()


@pytest.mark.parametrize("role", Role)
def test_only_the_specialist_may_ask_for_a_session(role):
    may = Permission.SESSIONS_SESSION_REQUEST in permissions(role)
    assert may == (role is Role.SPECIALIST)


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_somebodys(permission):
    assert any(permission in granted for granted in RIGHTS.values())


def test_whoever_keeps_watch_cannot_change():
    watching = permissions(Role.AUDITOR)
    changing = {each for each in Permission if each.split(":")[2] not in ("read", "export")}
    assert not watching & changing


def test_whoever_manages_a_site_can_stop_what_happens_there():
    assert permissions(Role.SITE_MANAGER) >= {
        Permission.DEVICES_DEVICE_LOCK,
        Permission.SESSIONS_SESSION_END,
    }


def test_rights_cannot_be_changed_at_run_time():
    with pytest.raises(TypeError):
        RIGHTS[Role.AUDITOR] = frozenset(Permission)


@pytest.mark.parametrize("role", Role)
def test_only_the_site_s_own_people_watch_for_it(role):
    may = Permission.SESSIONS_SESSION_WATCH in permissions(role)
    assert may == (role in (Role.SITE_APPROVER, Role.SITE_MANAGER))
