"""`bedside console status`: how everything is, in plain words."""

import json
from argparse import ArgumentParser
from typing import Any

from django.db import DatabaseError
from django.utils.translation import gettext as _

from bedside.console.commands import HouseCommand
from bedside.console.health.judge import Ago, Finding, judge
from bedside.console.health.queries import read, unapplied_migrations
from bedside.console.health.words import area_name, say
from bedside.console.journal.actions import now_ms
from bedside.language import N_


class Command(HouseCommand):
    """Says what is well and what needs a person; exit code 1 where something does."""

    help = N_("say how everything is: exit 0 when all is well, 1 when something needs a person")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form."""
        parser.add_argument("--json", action="store_true", help=_("for a program"))

    def handle(self, **options: Any) -> None:
        """Look at everything and say it."""
        findings = _look()
        good = all(each.good for each in findings)
        if options["json"]:
            told = {"good": good, "findings": [_plain(each) for each in findings]}
            self.stdout.write(json.dumps(told, ensure_ascii=False, indent=2))
        else:
            self._write(findings)
            words = _("All is well.") if good else _("What is marked ✖ needs a person.")
            self.stdout.write(words)
        if not good:
            raise SystemExit(1)

    def _write(self, findings: tuple[Finding, ...]) -> None:
        names = [area_name(each.area) for each in findings]
        width = max(len(name) for name in names)
        before = ""
        for name, each in zip(names, findings, strict=True):
            shown = "" if name == before else name
            self.stdout.write(f"{'✓' if each.good else '✖'} {shown:<{width}}  {say(each)}")
            before = name


def _look() -> tuple[Finding, ...]:
    try:
        return judge(read(), now_ms=now_ms())
    except DatabaseError as error:
        return (_lost(error),)


def _lost(error: DatabaseError) -> Finding:
    """A database that is behind lacks the very tables that are read; any other one is away."""
    try:
        behind = len(unapplied_migrations())
    except DatabaseError:
        behind = 0
    if behind:
        words = N_("Not at this version: {count} to apply. Run: bedside console migrate")
        return Finding("migrations", good=False, sentence=words, values={"count": behind})
    said = str(error).strip().partition("\n")[0]
    words = N_("It does not answer: {error}")
    return Finding("database", good=False, sentence=words, values={"error": said})


def _plain(finding: Finding) -> dict[str, object]:
    values = {
        f"{name}_ms" if isinstance(value, Ago) else name: value.ms
        if isinstance(value, Ago)
        else value
        for name, value in finding.values.items()
    }
    return {"area": finding.area, "good": finding.good, "words": say(finding), **values}
