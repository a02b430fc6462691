"""`offer-enrolment` as somebody types it: the offer, the file and the code, or none of them."""

import pytest
from django.core.management import CommandError, call_command

from bedside.console.enrolment.models import EnrolmentCode
from bedside.console.journal.models import JournalRow
from bedside.protocol.enrolment import parse_enrolment_code
from tests.console.world import DEVICE

pytestmark = pytest.mark.django_db


def offered() -> tuple[int, int]:
    rows = JournalRow.objects.filter(action="device:enrolment:offered")
    return rows.count(), EnrolmentCode.objects.filter(closed_ms=None).count()


def test_the_bundle_is_written_and_the_code_is_printed(world, tmp_path, capsys):
    call_command("offer_enrolment", DEVICE, bundle=tmp_path / "a.bundle")
    assert parse_enrolment_code(capsys.readouterr().out.strip())
    assert (tmp_path / "a.bundle").read_bytes()
    assert offered() == (1, 1)


def test_where_the_bundle_cannot_be_written_nothing_is_offered(world, tmp_path, capsys):
    call_command("offer_enrolment", DEVICE, bundle=tmp_path / "a.bundle")
    capsys.readouterr()
    before = offered(), EnrolmentCode.objects.get(closed_ms=None).pk
    for file in (tmp_path / "nowhere" / "a.bundle", tmp_path):
        with pytest.raises(CommandError, match=str(file)):
            call_command("offer_enrolment", DEVICE, bundle=file)
    assert (offered(), EnrolmentCode.objects.get(closed_ms=None).pk) == before
    assert capsys.readouterr().out == ""
