"""From the press of Lock on the console's page to the end of a live `ssh`.

The page is a real one in Chromium: the time begins when its button is pressed, so it holds the form's
way to the console, the feed to the relay, the device's own act, and the end of OpenSSH's client. The
peer is Stop at the device itself, which asks no server: what the way through the console adds.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bedside.demo.check import HOST, Journey
from bedside.demo.people import ALEX, DEVICE, MARIE
from bedside.demo.world import World
from bench.figures import median, report

ROUNDS = int(os.environ.get("ROUNDS", "10"))  # noqa: TID251 - as the other benchmarks
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en-US"]


def main() -> None:
    """Run interleaved rounds of both and print the figures."""
    locks, stops = [], []
    with (
        tempfile.TemporaryDirectory(prefix="bedside-") as folder,
        World(Path(folder) / "w") as world,
        signed_in(world) as page,
    ):
        journey = Journey(world)
        journey.log_in(MARIE)
        for _ in range(ROUNDS):
            locks.append(lock(journey, page))
            stops.append(stop(journey))
        journey.close()
    report("lock.page_to_ssh_end.p50", median(locks) * 1000, "ms")
    # Of few rounds the slowest is the honest estimate.
    report("lock.page_to_ssh_end.max", max(locks) * 1000, "ms")
    report("lock.page_to_ssh_end.min", min(locks) * 1000, "ms")
    report("lock.stop_to_ssh_end.p50", median(stops) * 1000, "ms")
    report("lock.stop_to_ssh_end.max", max(stops) * 1000, "ms")
    report("lock.rounds", ROUNDS, "sessions")


@contextmanager
def signed_in(world: World) -> Iterator[Page]:
    """A page of the administrator's, who has signed in with password and code."""
    known = world.credentials[ALEX.key]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(base_url=world.console_url, locale="en-CA")
        page.goto("/account/login/")
        page.locator("input[name=login]").fill(ALEX.email)
        page.locator("input[name=password]").fill(known.password)
        page.locator("input[name=password]").press("Enter")
        page.wait_for_url("**/authenticate/**")
        page.locator("input[name=code]").fill(known.code())
        page.locator("input[name=code]").press("Enter")
        page.wait_for_url(f"{world.console_url}/")
        try:
            yield page
        finally:
            browser.close()


def lock(journey: Journey, page: Page) -> float:
    """Return the seconds from Lock on the page to the end of one live `ssh`."""
    ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
    with ssh.start("ssh", "-S", "none", HOST, "echo live; exec sleep 600") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"live\n"
        page.goto(f"/devices/{DEVICE}/lock/")
        page.get_by_label("Reason").fill("bench")
        button = page.get_by_role("button", name="Lock", exact=True)
        button.scroll_into_view_if_needed()
        started = time.perf_counter()
        button.click(no_wait_after=True)
        running.wait(60)
        took = time.perf_counter() - started
    page.wait_for_url(f"**/devices/{DEVICE}/")
    page.goto(f"/devices/{DEVICE}/unlock/")
    page.get_by_role("button", name="Unlock", exact=True).click()
    journey.operator.wait_for("unlocked", lambda status: not status.locked)
    journey.idle()
    journey.operator.verify()
    return took


def stop(journey: Journey) -> float:
    """Return the seconds from Stop at the device to the end of one live `ssh`."""
    ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
    with ssh.start("ssh", "-S", "none", HOST, "echo live; exec sleep 600") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"live\n"
        started = time.perf_counter()
        journey.operator.stop()
        running.wait(60)
        took = time.perf_counter() - started
    journey.idle()
    journey.operator.verify()
    return took


if __name__ == "__main__":
    main()
