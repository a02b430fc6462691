from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("relays", "0011_begun"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="relay",
            name="begun_ms",
        ),
        migrations.AddField(
            model_name="relay",
            name="begun_boot",
            field=models.CharField(db_default="", default="", max_length=32),
        ),
    ]
