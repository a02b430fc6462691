"""A lock is its organisation's; those that were set before are of whoever set them."""

from typing import Any

from django.db import migrations, models
from django.db.models.deletion import PROTECT


def _whose(apps: Any, _editor: object) -> None:
    lock = apps.get_model("access", "Lock")
    for row in lock.objects.select_related("set_by").iterator():
        row.organisation_id = row.set_by.organisation_id
        row.save(update_fields=["organisation"])


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial"), ("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            "lock",
            "organisation",
            models.ForeignKey("accounts.Organisation", PROTECT, related_name="+", null=True),
        ),
        migrations.RunPython(_whose, migrations.RunPython.noop),
    ]
