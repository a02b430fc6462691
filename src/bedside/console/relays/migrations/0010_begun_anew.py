from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("relays", "0009_certificate_replaced"),
    ]

    operations = [
        migrations.AddField(
            model_name="relay",
            name="begun_anew",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
