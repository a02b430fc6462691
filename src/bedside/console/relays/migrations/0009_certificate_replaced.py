from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("relays", "0008_draining"),
    ]

    operations = [
        migrations.AddField(
            model_name="relaycertificate",
            name="replaced",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
