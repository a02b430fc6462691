"""Users by name and by number, and what the journal calls them."""

import json
import pwd

import pytest

from bedside.agent.users import SAME_USER, SessionUsers, SystemUser, find_user


def test_a_name_and_its_number_are_the_same_user():
    entry = pwd.getpwuid(0)
    assert find_user(entry.pw_name) == find_user(0)
    assert find_user("root").uid == 0
    assert entry.pw_gid in find_user("root").groups


def test_a_number_without_a_name_is_a_user_all_the_same():
    assert find_user(2_000_000_000) == SystemUser("2000000000", 2_000_000_000, 2_000_000_000, ())


@pytest.mark.parametrize("given", ["nobody-here", "", -1, 2**32 - 1, 2**64])
def test_who_is_not_there_is_not_found(given):
    with pytest.raises(KeyError):
        find_user(given)


def test_what_is_handed_on_comes_back_the_same():
    user = SystemUser("s", 5, 6, (7, 8))
    for users in (SessionUsers(), SessionUsers(user), SessionUsers(user, find_user(0), True)):
        assert SessionUsers.from_json(json.loads(json.dumps(users))) == users


def test_the_journal_s_words():
    session, product = SystemUser("session", 5, 6, ()), SystemUser("injector", 7, 8, ())
    assert SessionUsers().words(service=False) == SAME_USER
    assert SessionUsers(session).words(service=False) == SAME_USER
    assert SessionUsers(session, separate=True).words(service=True) == "session"
    both = SessionUsers(session, product, separate=True)
    assert (both.words(service=False), both.words(service=True)) == ("session", "injector")
    assert SessionUsers(None, product).words(service=True) == "injector"
