"""The description of the REST API as a console gives it, made once in each process of the tests."""

from bedside.console.project.api import api

__all__ = ["DESCRIPTION"]

DESCRIPTION = api.get_openapi_schema(path_prefix="/api/v1/")
