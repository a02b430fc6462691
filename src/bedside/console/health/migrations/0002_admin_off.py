from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("health", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="processseen",
            name="admin_off",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
