"""The console's own sentences about its configuration are in the catalogue of its pages."""

from pathlib import Path

from bedside.language.config_error import ConfigError

__all__ = ["ConsoleConfigError"]


class ConsoleConfigError(ConfigError):
    """The configuration cannot be used; the sentence names the value and the cure."""

    domain = "django"
    catalogues = Path(__file__).parent / "locale"
