import pytest

from bedside.console.accounts.models import ApiToken, DeviceAuthorization, User
from bedside.console.accounts.tokens import digest
from bedside.console.journal.actions import now_ms
from tests.console.browser import Browser
from tests.console.world import Api, actions_of, person, without_second_factor

pytestmark = pytest.mark.usefixtures("world")
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def start() -> dict:
    answer = Api(None).post("/device-authorization", {"client": "bedside-cli"})
    assert answer.status_code == 200, answer.content
    return answer.json()


def redeem(started: dict):
    # As if the program had waited its interval.
    DeviceAuthorization.objects.update(polled_ms=0)
    return Api(None).post("/token", {"grant_type": GRANT, "device_code": started["device_code"]})


def answer_with(browser: Browser, started: dict, answer: str):
    page = started["verification_uri_complete"].removeprefix("http://localhost")
    shown = browser.post("/activate", page, code=started["user_code"])
    assert "bedside-cli" in shown.content.decode()
    return browser.post("/activate", page, code=started["user_code"], answer=answer)


def test_a_program_gets_a_token_once_a_person_allowed_it():
    started = start()
    assert redeem(started).json() == {"error": "authorization_pending"}
    answer_with(Browser.of("Marie"), started, "allow")
    granted = redeem(started).json()
    assert granted["expires_in"] == 12 * 3600
    api = Api(None)
    api._headers["Authorization"] = f"Bearer {granted['access_token']}"
    me = api.get("/me").json()
    assert (me["name"], me["employer"], me["level"]) == ("Marie Tremblay", "Bayard Imaging", 2)
    assert "sessions:session:request" in me["permissions"]
    assert redeem(started).json() == {"error": "expired_token"}
    assert "account:token:issued" in actions_of()
    assert api.post("/token/revoke").status_code == 204
    assert api.get("/me").status_code == 401
    assert actions_of()[-1] == "account:token:revoked"


def test_the_database_holds_no_secret_of_a_token():
    started = start()
    answer_with(Browser.of("Marie"), started, "allow")
    granted = redeem(started).json()
    token = ApiToken.objects.get()
    assert token.digest == digest(granted["access_token"])
    assert granted["access_token"] not in str(vars(token))


def test_a_refusal_reaches_the_program():
    started = start()
    answer_with(Browser.of("Marie"), started, "deny")
    assert redeem(started).json() == {"error": "access_denied"}
    assert not ApiToken.objects.exists()


def test_a_program_that_asks_too_fast_is_slowed_down():
    started = start()
    body = {"grant_type": GRANT, "device_code": started["device_code"]}
    assert Api(None).post("/token", body).json() == {"error": "authorization_pending"}
    assert Api(None).post("/token", body).json() == {"error": "slow_down"}
    assert DeviceAuthorization.objects.get().interval_s == 10


def test_a_code_expires_and_an_unknown_one_is_the_same():
    started = start()
    DeviceAuthorization.objects.update(expires_ms=now_ms() - 1)
    assert redeem(started).json() == {"error": "expired_token"}
    assert redeem({"device_code": "bda_unknown"}).json() == {"error": "expired_token"}
    shown = Browser.of("Marie").post("/activate", code=started["user_code"])
    assert shown.status_code == 400


def test_one_address_cannot_fill_the_table():
    for _ in range(20):
        start()
    answer = Api(None).post("/device-authorization", {"client": "bedside-cli"})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many")


def test_codes_cannot_be_guessed_without_end():
    browser = Browser.of("Sam")
    for _ in range(10):
        assert "No program waits" in browser.post("/activate", code="BCDF-GHJK").content.decode()
    started = start()
    shown = browser.post("/activate", code=started["user_code"])
    assert "Too many wrong codes" in shown.content.decode()


@pytest.mark.parametrize("typed", ["", "ABC", "AEIO-UAEI", "B" * 40, "<script>"])
def test_a_code_of_another_form_is_said_so(typed):
    assert Browser.of("Marie").post("/activate", code=typed).status_code == 400


def test_a_code_may_be_typed_in_small_letters_without_the_hyphen():
    started = start()
    shown = Browser.of("Marie").post(
        "/activate", code=started["user_code"].lower().replace("-", " ")
    )
    assert shown.status_code == 200


def test_the_page_asks_who_one_is_first():
    assert "/account/login/" in Browser().get("/activate?code=BCDF-GHJK")["Location"]


def lose_the_account():
    User.objects.filter(name="Marie Tremblay").update(is_active=False)


def lose_the_second_factor():
    without_second_factor("Marie")


def let_it_expire():
    ApiToken.objects.update(expires_ms=now_ms() - 1)


@pytest.mark.parametrize(
    ("lose", "code"),
    [
        (lose_the_account, "account_closed"),
        (lose_the_second_factor, "unauthenticated"),
        (let_it_expire, "unauthenticated"),
    ],
)
def test_a_token_ends_with_what_it_rests_on(lose, code):
    api = Api("Marie")
    assert api.get("/me").status_code == 200
    lose()
    answer = api.get("/me")
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_tokens_rights_are_the_persons_of_this_moment():
    api = Api("Marie")
    User.objects.filter(name="Marie Tremblay").update(role="")
    assert api.get("/me").json()["permissions"] == []
    assert api.get("/devices").status_code == 403


def test_cookies_open_no_api():
    browser = Browser.of("Marie")
    assert browser.get("/api/v1/me").status_code == 401
    assert person("Marie").is_active
