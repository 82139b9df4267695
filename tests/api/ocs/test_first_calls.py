"""What clients call first (`nextcloud-ocs §21.5`), and the login flow (`§5.4`)."""

import re
from pathlib import Path

import pytest

from graphmill.api.ocs.login import FLOWS_OF_AN_ADDRESS
from tests.api.ocs.client import ALICE, TP, Ocs, W, opened
from tests.api.ocs.workers import header

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAPABILITIES = "/cloud/capabilities"
STATE = "/apps/app_api/ex-app/state"
LOG = "/apps/app_api/api/v1/log"


async def test_p01_status(ocs: Ocs) -> None:
    response = await ocs.http.get("/status.php")
    content = response.json()
    assert (True, False) == (content["installed"], content["maintenance"])
    assert re.match(r"\d+\.\d+\.\d+", content["version"])
    assert "*" == response.headers["access-control-allow-origin"]


async def test_p02_capabilities(ocs: Ocs) -> None:
    answer = await ocs.get(CAPABILITIES, version=1)
    assert 100 == answer.code
    version = answer.data["version"]
    assert version["major"] >= 30
    assert {"minor", "micro", "string", "edition", "extendedSupport"} <= version.keys()
    assert answer.data["capabilities"]["assistant"]["enabled"] is True
    assert answer.data["capabilities"]["app_api"]


async def test_p03_p04_capabilities_have_a_tag(ocs: Ocs) -> None:
    answer = await ocs.get(CAPABILITIES, auth=None)
    assert (200, 200) == (answer.status, answer.code)
    tag = answer.response.headers["etag"]
    again = await ocs.get(CAPABILITIES, auth=None, headers={"If-None-Match": tag})
    assert (304, b"") == (again.status, again.response.content)


async def test_p05_user(ocs: Ocs) -> None:
    data = (await ocs.get("/cloud/user", version=1)).data
    assert ("alice", "Alice", "alice@example.org") == (
        data["id"],
        data["displayname"],
        data["email"],
    )
    assert isinstance(data["quota"], dict)


async def test_p06_every_capability_is_an_object(ocs: Ocs) -> None:
    sections = (await ocs.get(CAPABILITIES)).data["capabilities"].values()
    assert all(isinstance(section, dict) for section in sections)


@pytest.mark.parametrize(
    ("worker", "state"),
    [pytest.param(W, 1, id="P07"), pytest.param(header("worker0", "w0-secret"), 0, id="P08")],
)
async def test_state_of_a_worker(ocs: Ocs, worker: dict[str, str], state: int) -> None:
    answer = await ocs.get(STATE, version=1, worker=worker, is_marked=False)
    assert (200, 100, state) == (answer.status, answer.code, answer.data)


async def test_p09_worker_logs(ocs: Ocs) -> None:
    answer = await ocs.post(LOG, {"level": 2, "message": "x"}, version=1, worker=W)
    assert (200, 100) == (answer.status, answer.code)


async def test_p10_user_is_no_worker(ocs: Ocs) -> None:
    answer = await ocs.post(LOG, {"level": 2, "message": "x"}, version=1)
    assert (401, 997) == (answer.status, answer.code)
    assert "AppAPI authentication failed" == answer.meta["message"]


async def test_worker_learns_who_the_users_are(ocs: Ocs) -> None:
    answer = await ocs.get("/apps/app_api/api/v1/users", version=1, worker=W)
    assert ["alice", "bob", "guest"] == answer.data


async def test_device_is_connected_in_a_browser(ocs: Ocs) -> None:
    begun = (await ocs.http.post("/index.php/login/v2", headers={"User-Agent": "a <b>"})).json()
    assert {"poll", "login"} == begun.keys()
    poll = {"token": begun["poll"]["token"]}
    polled = begun["poll"]["endpoint"].removeprefix("http://127.0.0.1:8000")
    waiting = await ocs.http.post(polled, data=poll)
    assert (404, []) == (waiting.status_code, waiting.json())
    page = begun["login"].removeprefix("http://127.0.0.1:8000")
    asked = await ocs.http.get(page)
    assert 200 == asked.status_code
    assert asked.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in asked.headers["content-security-policy"]
    assert "<b>a &lt;b&gt;</b> wants to use this server in your name" in asked.text
    assert {"user", "password"} == set(re.findall(r'<input name="(\w+)"', asked.text))
    assert "is wrong" not in asked.text
    wrong = await ocs.http.post(page, data={"user": "alice", "password": "x"})
    assert 403 == wrong.status_code
    assert "User or password is wrong." in wrong.text
    assert "<form method" in wrong.text
    assert 404 == (await ocs.http.post(polled, data=poll)).status_code
    right = {"user": "alice@example.org", "password": "alice-pw"}
    granted = await ocs.http.post(page, data=right)
    assert (200, True) == (granted.status_code, "Access is granted." in granted.text)
    over = await ocs.http.get(page)
    assert (404, True) == (over.status_code, "This link is not valid any more." in over.text)
    secret = (await ocs.http.post(polled, data=poll)).json()
    assert {"server": "http://127.0.0.1:8000", "loginName": "alice"} == {
        name: secret[name] for name in ("server", "loginName")
    }
    assert 72 == len(secret["appPassword"])
    login = (secret["loginName"], secret["appPassword"])
    assert "alice" == (await ocs.get("/cloud/user", auth=login)).data["id"]
    again = await ocs.http.post(polled, data=poll)
    assert (404, []) == (again.status_code, again.json())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/login/v2", 405),
        ("GET", "/login/v2/poll", 405),
        ("DELETE", "/login/v2/flow/x", 405),
        ("GET", "/login/v2/flow/x", 404),
        ("POST", "/login/v2/flow/x", 404),
        ("POST", "/login/v2/poll", 404),
        ("GET", "/login/v2/elsewhere", 404),
    ],
)
async def test_login_that_nobody_began(ocs: Ocs, method: str, path: str, status: int) -> None:
    assert status == (await ocs.http.request(method, path)).status_code


@pytest.mark.parametrize("path", ["/login/v2/poll", "/login/v2/flow/x"])
async def test_forms_of_strangers_are_small(ocs: Ocs, path: str) -> None:
    form = {"token": "x" * 100_000}
    assert 413 == (await ocs.http.post(path, data=form)).status_code


async def test_guessing_on_the_page_ends_soon(ocs: Ocs) -> None:
    begun = (await ocs.http.post("/login/v2")).json()
    page = begun["login"].removeprefix("http://127.0.0.1:8000")
    answers = [
        await ocs.http.post(page, data={"user": "mallory", "password": f"{i}"}) for i in range(11)
    ]
    assert [403] * 10 + [429] == [answer.status_code for answer in answers]
    assert "Too many wrong passwords." in answers[-1].text


async def test_one_address_begins_only_so_many_logins(tmp_path: Path, echo_url: str) -> None:
    """Otherwise a stranger could keep all others from connecting a device."""
    async with opened(tmp_path, echo_url) as ocs:
        answers = [await ocs.http.post("/login/v2") for _ in range(FLOWS_OF_AN_ADDRESS + 1)]
        assert {200} == {answer.status_code for answer in answers[:-1]}
        assert 429 == answers[-1].status_code
        assert "Try again later." in answers[-1].json()["message"]


async def test_app_password_is_traded_and_revoked(ocs: Ocs) -> None:
    made = (await ocs.get("/core/getapppassword")).data["apppassword"]
    login = ("alice", made)
    assert 403 == (await ocs.get("/core/getapppassword", auth=login)).status
    assert 200 == (await ocs.delete("/core/apppassword", auth=login)).status
    assert 401 == (await ocs.get("/cloud/user", auth=login)).status


async def test_passwords_outlive_a_restart(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, echo_url) as ocs:
        made = ("alice", (await ocs.get("/core/getapppassword", auth=ALICE)).data["apppassword"])
        await ocs.delete("/core/apppassword", auth=("alice", "alice-app-pw"))
    async with opened(tmp_path, echo_url) as ocs:
        assert 200 == (await ocs.get(f"{TP}/tasktypes", auth=made)).status
        revoked = await ocs.get(f"{TP}/tasktypes", auth=("alice", "alice-app-pw"))
        assert 401 == revoked.status


async def test_server_can_stand_below_a_path(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, echo_url, base_path="/cloud") as ocs:
        assert 200 == (await ocs.http.get("/cloud/status.php")).status_code
        begun = (await ocs.http.post("/cloud/login/v2")).json()
        assert begun["login"].startswith("http://127.0.0.1:8000/cloud/login/v2/flow/")
