"""The gate before strangers: who gets in, under which name and from which site, and what no answer lets a browser do."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.testclient import TestClient

from facedb.db.connection import Database
from facedb.web.app import create_app
from facedb.web.connections import MOST
from facedb.web.settings import WebSettings
from tests.web.conftest import PORT, Enter, Page, Reviewer

SESAME = "open sesame"
Stranger = Callable[..., TestClient]


@pytest.fixture
def stranger(settings: WebSettings) -> Iterator[Stranger]:
    """A browser that is not signed in, at a page of its own."""
    with ExitStack() as stack:

        def at_the_door(**changes: Any) -> TestClient:
            app = create_app(replace(settings, **changes))
            stack.callback(app.state.parts.pool.close)
            return TestClient(app, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)

        yield at_the_door


@pytest.mark.parametrize(
    "path", ["/api/scans", "/api/session", "/thumbs/1", "/photos/1", "/api/openapi.json", "/api/events", "/nothing"]
)
def test_nobody_sees_anything_without_a_token(stranger: Stranger, path: str) -> None:
    browser = stranger()
    assert browser.get(path).status_code == 401
    assert browser.get("/?token=" + "A" * 43).status_code == 401
    assert "set-cookie" not in browser.get("/").headers
    assert browser.get("/review", headers={"accept": "text/html"}).headers["location"] == "/"


def test_a_token_signs_in_once_by_a_cookie_that_scripts_and_other_sites_do_not_get(stranger: Stranger) -> None:
    browser = stranger()
    app: Any = browser.app
    token = app.state.parts.sessions.invite("ann")
    entered = browser.get(f"/?token={token}")
    assert entered.status_code == 200
    assert token not in entered.text
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert browser.get("/api/scans").status_code == 200
    again = TestClient(app, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)
    assert again.get(f"/?token={token}").status_code == 401


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are listed by Linux")
def test_an_address_seen_on_the_command_line_of_a_browser_is_of_no_use_to_another_user(serve: Page) -> None:
    address = urlsplit(serve.invite("ann", own=True))
    asked = f"GET /?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\nX-Forwarded-For: 10.1.2.3\r\nConnection: close\r\n\r\n"
    shell = f'exec 3<>/dev/tcp/127.0.0.1/{address.port}; printf %s "$0" >&3; head -1 <&3'
    for user, status in ((65534, "401"), (0, "200"), (0, "401")):
        done = subprocess.run(
            ["/bin/bash", "-c", shell, asked],
            user=user,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert done.stdout.split()[1] == status, user


def test_a_token_is_not_used_up_while_the_database_is_away(stranger: Stranger, demo_database: Database) -> None:
    browser = stranger(db=replace(demo_database, dsn=demo_database.dsn.replace("?", "_away?")))
    app: Any = browser.app
    token = app.state.parts.sessions.invite("ann")
    assert [browser.get(f"/?token={token}").status_code for _ in range(2)] == [503, 503]


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1:1", f"127.0.0.1.evil.example:{PORT}", ""]
)
def test_another_name_for_this_machine_is_refused(ann: Reviewer, host: str) -> None:
    assert ann.client.get("/api/scans", headers={"host": host}).status_code == 421
    assert ann.client.get("/", headers={"host": host}).status_code == 421
    assert ann.client.get("/static/base.css", headers={"host": host}).status_code == 421


ANYWHERE = "0.0.0.0"  # noqa: S104 - what `--host` may say


@pytest.mark.parametrize(
    ("host", "named", "answers"),
    [
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "[::1]", True),
        ("127.0.0.1", "192.168.1.5", False),
        (ANYWHERE, "192.168.1.5", True),
        (ANYWHERE, "evil.example", False),
        (ANYWHERE, "box.lan", True),
        ("192.168.1.5", "192.168.1.5", True),
    ],
)
def test_which_names_the_page_answers_to(settings: WebSettings, host: str, named: str, answers: bool) -> None:
    assert replace(settings, host=host, names=frozenset({"box.lan"})).answers_to(f"{named}:{PORT}") == answers


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    ],
)
def test_another_site_can_neither_change_nor_embed_anything(
    ann: Reviewer, demo_database: Database, headers: dict[str, str]
) -> None:
    said = {"answer": "same", "seen": None}
    answer = ann.client.post("/api/cases/1/1/decision", json=said, headers={"x-csrf-token": ann.csrf, **headers})
    assert answer.status_code == 403
    assert ann.client.get("/thumbs/1", headers=headers).status_code == 403
    with demo_database.connection() as conn:
        assert conn.execute("select count(*) from facedb.verdict").fetchone() == (0,)


def test_of_two_origins_none_may_be_foreign(ann: Reviewer) -> None:
    for origins in (("http://evil.example", ann.client.base_url), (ann.client.base_url, "http://evil.example")):
        sent = [("x-csrf-token", ann.csrf), *(("origin", str(origin)) for origin in origins)]
        assert ann.client.post("/api/undo", headers=sent).json()["code"] == "origin"


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://["}, {"origin": "http://[evil]:1"}, {"content-length": "\u00b2"}, {"content-length": "-1"}],
)
def test_headers_that_nobody_can_read_are_refused(ann: Reviewer, headers: dict[str, str]) -> None:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in {"x-csrf-token": ann.csrf, **headers}.items()]
    assert ann.client.post("/api/undo", headers=sent).status_code in (403, 413)


def test_what_a_proxy_would_say_is_not_believed(ann: Reviewer) -> None:
    headers = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "forwarded": "host=evil.example"}
    invited = ann.client.post(
        "/api/invitations", json={"reviewer": "ben"}, headers={"x-csrf-token": ann.csrf, **headers}
    )
    assert invited.json()["url"].startswith(f"http://127.0.0.1:{PORT}/?token=")
    assert (
        ann.client.get(
            "/api/scans", headers={"host": "evil.example", "x-forwarded-host": f"127.0.0.1:{PORT}"}
        ).status_code
        == 421
    )


def test_a_cookie_that_somebody_else_planted_never_becomes_a_session(stranger: Stranger) -> None:
    """Browsers keep the cookies of all ports of a host together, so another server on this machine can set one."""
    browser = stranger()
    app: Any = browser.app
    planted = {"cookie": f"facedb_review_{PORT}=planted"}
    entered = browser.get(f"/?token={app.state.parts.sessions.invite('ann')}", headers=planted)
    assert entered.status_code == 200
    assert browser.cookies[f"facedb_review_{PORT}"] != "planted"
    other = TestClient(app, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)
    assert other.get("/api/scans", headers=planted).status_code == 401


def test_the_news_go_to_no_other_site_and_end_with_the_session(serve: Page) -> None:
    with httpx2.Client(base_url=serve.url, timeout=20) as client:
        client.get(serve.invite("ann"))
        csrf = client.get("/api/session").json()["csrf"]
        for foreign in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}):
            assert client.get("/api/events", headers=foreign).status_code == 403
        with client.stream("GET", "/api/events") as news:
            lines = news.iter_lines()
            assert next(lines) == "event: news"
            assert client.post("/sign-out", headers={"x-csrf-token": csrf}).status_code == 204
            assert [line for line in lines if line.startswith(":")] == [], (
                "it came to its end before it was quiet for long"
            )


def test_a_plain_link_from_another_site_may_lead_here(ann: Reviewer) -> None:
    came = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert ann.client.get("/review", headers=came).status_code == 200


def test_the_token_of_another_reviewer_or_none_changes_nothing(enter: Enter) -> None:
    ann, ben = enter("ann"), enter("ben")
    for token in (ben.csrf, "", ann.csrf[:-1], ann.csrf + "x", "é"):
        answer = ann.client.post("/api/undo", headers={b"x-csrf-token": token.encode()})
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert ann.client.post("/api/undo", headers={"x-csrf-token": ann.csrf}).status_code == 404


def test_every_answer_forbids_inline_scripts_frames_and_other_hosts(ann: Reviewer) -> None:
    for path in ("/review", "/overview", "/api/scans", "/thumbs/1", "/static/base.css", "/nothing"):
        headers = ann.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy, "no other host is named"
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_no_page_names_another_host_or_holds_an_inline_script(ann: Reviewer) -> None:
    for path in ("/review", "/overview", "/identity/1", "/photo/1", "/scan/1", "/alike", "/plans"):
        text = ann.client.get(path).text
        assert re.findall(r'(?:src|href|action)="(?!/|#)[^"]*"', text) == []
        assert re.findall(r"<script(?![^>]*src=)(?![^>]*application/json)", text) == []
        assert re.findall(r"\son\w+=|\sstyle=", text) == []


def test_the_password_lets_in_and_guessing_is_slowed(stranger: Stranger) -> None:
    browser = stranger(password=SESAME)
    wrong = {"reviewer": "eve", "password": "1234"}
    assert [browser.post("/sign-in", data=wrong).status_code for _ in range(6)] == [401] * 6
    right = browser.post("/sign-in", data={"reviewer": "eve", "password": SESAME})
    assert right.status_code == 401, "also the right one waits after five wrong ones"
    other = stranger(password=SESAME)
    assert other.post("/sign-in", data={"reviewer": " ", "password": SESAME}).status_code == 401
    assert (
        other.post(
            "/sign-in", data={"reviewer": "ben", "password": SESAME}, headers={"origin": "http://evil"}
        ).status_code
        == 403
    )
    assert other.post("/sign-in", data={"reviewer": "ben", "password": SESAME}).status_code == 303
    assert other.get("/api/session").json()["reviewer"] == "ben"
    assert other.post("/sign-in", content=b"a=1&" * 1000).status_code == 401
    assert stranger().post("/sign-in", data=wrong).status_code == 401, "without a password there is none to guess"


def test_strangers_who_hold_connections_and_ask_nothing_make_room(
    capsys: pytest.CaptureFixture[str], serve: Page
) -> None:
    place = urlsplit(serve.url)
    head = f"POST /sign-in HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 9\r\n".encode()
    with ExitStack() as stack, httpx2.Client() as owner:
        assert owner.get(serve.invite("ann"), follow_redirects=True).status_code == 200
        held = []
        for unfinished in (head, head + b"\r\nname="):
            for _ in range(MOST):
                held.append(stack.enter_context(socket.create_connection((place.hostname, place.port), timeout=20)))
                held[-1].sendall(unfinished)
        for early in held[:MOST]:
            with suppress(ConnectionResetError):
                assert early.recv(1) == b"", "an early one was let go"
        assert owner.get(f"{serve.url}api/session").status_code == 200
    assert capsys.readouterr().err == "", "nobody is told of who hung up"
