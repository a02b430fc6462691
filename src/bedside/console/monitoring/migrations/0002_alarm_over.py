from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0001_initial"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="alarm",
            index=models.Index(
                condition=models.Q(("cleared_ms__isnull", False)),
                fields=["cleared_ms"],
                name="alarm_over",
            ),
        ),
    ]
