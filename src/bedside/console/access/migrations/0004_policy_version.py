"""Each saving of the rules has a number, so that a decision can name the rule that made it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0003_one_lock_each")]

    operations = [
        migrations.CreateModel(
            "PolicyVersion",
            [
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("saved_by", models.CharField(max_length=200)),
                ("saved_ms", models.BigIntegerField()),
            ],
            options={"ordering": ["-number"]},
        ),
    ]
