"""A server with accounts as a process of its own: logging in by a real browser, restarts, other addresses, commands."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Reply, Running, Serve
from tests.server.people import PASSWORD, logged_in_at, presente_at, setup_code

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

GROUP = SAMPLE / "groups" / "group_02.jpg"


def add_user(environment: dict[str, str], folder: Path, *words: str) -> None:
    done = presente_at(folder, environment, "users", "add", *words, typed=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr


@on_sqlite
def test_the_first_admins_code_is_a_line_of_its_own_and_in_no_record_of_the_log(serve: Serve, tmp_path: Path) -> None:
    serve(PRESENTE_ACCOUNTS="on", PRESENTE_LOG_FORMAT="json").fetch("GET", "/v1/login")
    code = setup_code(tmp_path)
    lines = (tmp_path / "server.log").read_text().splitlines()
    (plain,) = [line for line in lines if not line.startswith("{")]
    assert plain.endswith(code) and len(lines) > 1
    assert all(code not in line for line in lines if line != plain)


@pytest.mark.untraced
@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_the_first_admin_and_a_teacher_log_in_by_browser(
    serve: Serve, page: "Page", environment: dict[str, str], tmp_path: Path
) -> None:
    running = serve(PRESENTE_ACCOUNTS="on")
    page.goto(running.address)
    page.wait_for_selector("#code")
    assert page.locator("header nav a").count() == 0 and not page.is_visible("#access")
    page.screenshot(path=tmp_path / "setup.png")
    page.fill("#code", setup_code(tmp_path))
    page.fill("#name", "root")
    page.fill("#password", PASSWORD)
    page.click("#login button")
    page.wait_for_selector("#who-name:has-text('root · administración')")
    page.click("#logout")
    page.wait_for_selector("#login")
    assert not page.is_visible("#code")
    add_user(environment, tmp_path, "ruiz", "--role", "teacher", "--clase", "IA-102")
    page.fill("#name", "ruiz")
    page.fill("#password", "otra cosa larga")
    page.press("#password", "Enter")
    page.wait_for_selector("#refused:has-text('El nombre o la contraseña no es correcto')")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector("#who-name:has-text('ruiz · docente · IA-102')")
    assert "Sistema" not in page.inner_text("header nav")
    page.goto(f"{running.address}/#/system")
    page.wait_for_selector("main:has-text('no es para su cuenta')")
    page.goto(f"{running.address}/#/identify")
    page.set_input_files("#photo", GROUP)
    page.wait_for_selector("#faces tbody tr")
    expected = json.loads((SAMPLE / "groups" / "groups.json").read_text())["group_02.jpg"]
    cells = page.locator("#faces tbody tr > td:nth-child(3)").all_inner_texts()
    assert sorted(cells) == sorted(face["matricula"] or "–" for face in expected)
    page.screenshot(path=tmp_path / "logged_in.png")
    page.click("#who-name")
    page.fill("#current", "otra cosa larga")
    page.fill("#new_password", f"{PASSWORD} nuevo")
    page.press("#new_password", "Enter")
    page.wait_for_selector("#own-password:has-text('La contraseña actual no es correcta')")
    page.fill("#current", PASSWORD)
    page.fill("#new_password", f"{PASSWORD} nuevo")
    page.press("#new_password", "Enter")
    page.wait_for_selector(".notice:has-text('La contraseña cambió')")
    assert not page.is_visible("#own-password")
    logged_in_at(running, "ruiz", f"{PASSWORD} nuevo")
    page.click("header nav a:has-text('Alumnos')")  # the page has the new session
    page.wait_for_selector("#students tbody tr")
    flags = {each["name"]: each for each in page.context.cookies()}
    assert set(flags) == {"presente_session", "presente_device"}
    for cookie in flags.values():
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["path"] == "/"
        assert not cookie["secure"]  # no proxy says that there is TLS
    assert flags["presente_session"]["expires"] == -1  # until the browser is closed
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]
    page.click("#logout")
    page.wait_for_selector("#login")
    assert page.locator("#faces").count() == 0
    assert [each["name"] for each in page.context.cookies()] == ["presente_device"]
    log = (tmp_path / "server.log").read_text()
    assert PASSWORD not in log and flags["presente_session"]["value"] not in log


@pytest.mark.usefixtures("sample_gallery")
def test_nothing_works_from_outside_without_a_key_or_a_session_and_sessions_outlast_the_server(
    serve: Serve, environment: dict[str, str], tmp_path: Path
) -> None:
    on = {"PRESENTE_ACCOUNTS": "on", "PRESENTE_HOST": "0.0.0.0"}
    running, other = serve(**on), serve(**on)
    for each in (running, other):
        each.address = each.address.replace("0.0.0.0", "127.0.0.1")

    def statuses(server: Running, **headers: str) -> dict[str, int]:
        asked = ("/livez", "/readyz", "/", "/v1/login", "/v1/status", "/v1/students", "/v1/session", "/nowhere")
        return {path: server.fetch("GET", path, None, Host="aula.example", **headers).status for path in asked}

    closed = dict.fromkeys(("/v1/status", "/v1/students", "/v1/session", "/nowhere"), 401)
    assert statuses(running) == dict.fromkeys(("/livez", "/readyz", "/", "/v1/login"), 200) | closed
    add_user(environment, tmp_path, "ruiz", "--role", "teacher", "--clase", "IA-102")
    browser = logged_in_at(running, "ruiz")
    photo = GROUP.read_bytes()
    assert len(photo) > 64 * 1024  # so that the head alone decides whether it is read

    def identify(server: Running, **headers: str) -> Reply:
        return server.fetch("POST", "/v1/identify", photo, Content_Type="image/jpeg", **headers)

    for server in (running, other):
        assert identify(server, **browser).status == 200
        assert identify(server, Cookie=browser["Cookie"]).json["code"] == "wrong_csrf_token"
        assert identify(server, Cookie="presente_session=made.up").json["code"] == "session_ended"
        assert identify(server).json["code"] == "missing_key"
    assert running.stop() == 0
    again = serve(**on)
    again.address = again.address.replace("0.0.0.0", "127.0.0.1")
    assert identify(again, **browser).status == 200
    assert again.fetch("POST", "/v1/logout", None, **browser).status == 204
    assert statuses(again, Cookie=browser["Cookie"])["/v1/session"] == 401


@on_sqlite
def test_commands_make_list_and_revoke_keys_and_accounts(environment: dict[str, str], tmp_path: Path) -> None:
    def presente(*words: str, typed: str = "") -> tuple[int, str, str]:
        done = presente_at(tmp_path, environment, *words, typed=typed)
        return done.returncode, done.stdout, done.stderr

    code, key, note = presente("keys", "add", "gate", "--role", "teacher", "--clase", "IA-101", "--clase", "IA-102")
    assert code == 0 and re.fullmatch(r"presente_[\w-]{43}\n", key) and "teacher of IA-101, IA-102" in note
    assert key.strip() not in note
    made = json.loads(presente("keys", "add", "screen", "--role", "viewer", "--json")[1])
    assert made["key"].startswith("presente_") and made["classes"] is None
    listed = json.loads(presente("keys", "list", "--json")[1])["keys"]
    assert [(each["name"], each["role"], each["last_used"]) for each in listed] == [
        ("gate", "teacher", None),
        ("screen", "viewer", None),
    ]
    assert "last used never" in presente("keys", "list")[1] and key.strip() not in presente("keys", "list")[1]
    assert presente("keys", "revoke", "gate")[0] == 0
    assert "key_not_found" in presente("keys", "revoke", "gate")[2]

    assert presente("users", "add", "root", "--role", "admin", typed=f"{PASSWORD}\n")[0] == 0
    for words, typed, wrong in (
        (("add", "ruiz", "--role", "teacher"), PASSWORD, "invalid_grant"),
        (("add", "ruiz", "--role", "viewer"), "corta\n", "invalid_password"),
        (("add", "root", "--role", "viewer"), PASSWORD, "name_taken"),
        (("add", "ana", "--role", "student", "--matricula", "A9"), PASSWORD, "student_not_found"),
        (("disable", "root"), "", "last_admin"),
        (("passwd", "nobody"), PASSWORD, "account_not_found"),
    ):
        code, said, complaint = presente("users", *words, typed=typed)
        assert code in (1, 2) and wrong in complaint and said == "", words
    assert presente("users", "add", "second", "--role", "admin", typed=f"{PASSWORD}\n")[0] == 0
    assert presente("users", "disable", "root")[0] == 0 and ", disabled" in presente("users", "list")[1]
    assert presente("users", "enable", "root")[0] == 0
    assert presente("users", "passwd", "root", typed="otra contraseña\n")[0] == 0
    users = json.loads(presente("users", "list", "--json")[1])["users"]
    assert [(each["name"], each["enabled"]) for each in users] == [("root", True), ("second", True)]
