"""The panel in a browser tab: shown whole, and by this machine alone."""

import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect

from bedside.demo.processes import Processes, free_port, wait_for
from tests.console.pages.running import running_browser


def answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_the_page_asks_nobody_but_the_machine_it_is_on(tmp_path: Path) -> None:
    port = free_port()
    with Processes(tmp_path) as processes:
        command = [sys.executable, "-m", "bedside.demo.panel_tab"]
        processes.start("panel-tab", [*command, str(tmp_path / "socket"), str(port)])
        wait_for("the page", lambda: answers(port))
        with running_browser() as browser:
            page = browser.new_page()
            asked, faults = set(), []
            page.on("request", lambda request: asked.add(urlsplit(request.url)))
            page.on("response", lambda got: got.ok or faults.append((got.url, got.status)))
            page.on("requestfailed", lambda request: faults.append((request.url, "lost")))
            page.goto(f"http://localhost:{port}/")
            expect(page.locator("body.-first-byte")).to_be_attached()
            assert any(each.path.endswith("textual.js") for each in asked)
            assert {each.netloc for each in asked if each.scheme != "data"} == {f"localhost:{port}"}
            assert faults == []
