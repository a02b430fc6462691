from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("relays", "0010_begun_anew"),
    ]

    operations = [
        migrations.AddField(
            model_name="relay",
            name="begun_ms",
            field=models.BigIntegerField(null=True),
        ),
    ]
