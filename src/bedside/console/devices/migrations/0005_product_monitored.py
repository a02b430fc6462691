from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0004_relay_pins"),
    ]

    operations = [
        migrations.AddField(
            model_name="product",
            name="monitored",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
