"""The table of the cache that all processes share: rate limits, and codes that were used."""

from typing import Any

from django.core.management import call_command
from django.db import migrations


def create_table(_apps: Any, schema_editor: Any) -> None:
    call_command("createcachetable", "shared_cache", database=schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(create_table, migrations.RunPython.noop)]
