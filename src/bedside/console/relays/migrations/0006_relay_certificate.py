from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("relays", "0005_counted_at_relay"),
    ]

    operations = [
        migrations.AddField(
            model_name="relay",
            name="certificate_ends_ms",
            field=models.BigIntegerField(null=True),
        ),
    ]
