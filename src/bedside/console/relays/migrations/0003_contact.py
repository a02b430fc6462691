from django.db import migrations, models
from django.db.models import F


def say_polled(apps, schema_editor):  # noqa: ANN001, ANN201, ARG001 - Django's
    """The last change is the last poll that is known of."""
    apps.get_model("relays", "DevicePresence").objects.update(polled_ms=F("at_ms"))


class Migration(migrations.Migration):
    dependencies = [
        ("relays", "0002_unseendevice"),
    ]

    operations = [
        migrations.AddField(
            model_name="relay",
            name="offset_ms",
            field=models.BigIntegerField(default=0, db_default=0),
        ),
        migrations.AddField(
            model_name="relay",
            name="lost_ms",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="relay",
            name="clock_off",
            field=models.BooleanField(default=False, db_default=False),
        ),
        migrations.AddField(
            model_name="devicepresence",
            name="late",
            field=models.BooleanField(default=False, db_default=False),
        ),
        migrations.AddField(
            model_name="devicepresence",
            name="polled_ms",
            field=models.BigIntegerField(default=0, db_default=0),
        ),
        migrations.RunPython(say_polled, migrations.RunPython.noop),
    ]
