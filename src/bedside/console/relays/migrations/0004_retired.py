from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("relays", "0003_contact"),
    ]

    operations = [
        migrations.CreateModel(
            name="RelayCertificate",
            fields=[
                ("serial", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("relay", models.CharField(db_index=True, max_length=32)),
                ("not_after_ms", models.BigIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name="relay",
            name="retired_ms",
            field=models.BigIntegerField(null=True),
        ),
    ]
