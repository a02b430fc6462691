from bedside.observe.health import Check, Health

GOOD = Check("database", good=True, reason="it answers")
BAD = Check("keys", good=False, reason="the folder cannot be read")


def test_all_good_is_ready():
    health = Health.of([GOOD])
    assert (health.good, health.status, health.text()) == (True, 200, "ok  database: it answers\n")


def test_one_that_is_not_makes_the_whole_not_ready_and_says_why():
    health = Health.of([GOOD, BAD])
    assert (health.good, health.status) == (False, 503)
    assert health.text().splitlines()[1] == "BAD keys: the folder cannot be read"
