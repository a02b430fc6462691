"""Each organisation has one lock on a thing. Apart: PostgreSQL alters no table that it just filled."""

from django.db import migrations, models
from django.db.models.deletion import PROTECT


class Migration(migrations.Migration):
    dependencies = [("access", "0002_whose_lock"), ("accounts", "0001_initial")]

    operations = [
        migrations.AlterField(
            "lock",
            "organisation",
            models.ForeignKey("accounts.Organisation", PROTECT, related_name="+"),
        ),
        migrations.RemoveConstraint("lock", "one_open_lock"),
        migrations.AddConstraint(
            "lock",
            models.UniqueConstraint(
                fields=["scope", "target", "organisation"],
                condition=models.Q(end_ms__isnull=True),
                name="one_open_lock",
            ),
        ),
    ]
