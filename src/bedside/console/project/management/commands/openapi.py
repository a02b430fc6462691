"""`bedside console openapi`: the REST API's description, as docs/reference/openapi.json holds it."""

import json
from typing import Any

from bedside.console.commands import HouseCommand
from bedside.console.project.api import api
from bedside.language import N_


class Command(HouseCommand):
    """Prints OpenAPI as JSON."""

    help = N_("print the REST API's description (OpenAPI)")

    def handle(self, **options: Any) -> None:
        """Print it, keys in their own order."""
        del options
        schema = api.get_openapi_schema(path_prefix="/api/v1/")
        self.stdout.write(json.dumps(schema, indent=2, ensure_ascii=False))
