"""A web process's memory: what is there for good is not searched for garbage again and again."""

import gc
from importlib import import_module
from pathlib import Path

from django.conf import settings
from django.template.loader import get_template
from django.template.utils import get_app_template_dirs
from django.urls import get_resolver
from django.utils import translation

import bedside

__all__ = ["settle"]


def settle() -> None:
    """Load every page, then take all that is loaded out of the garbage collector's sight.

    For a process that has started and serves from now on. A full collection stops it: over the
    modules, models, forms and templates of the console for longer than most pages take.
    """
    import_module(settings.ROOT_URLCONF)
    for name in _templates():
        get_template(name)
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            # Addresses are looked up by language; its sentences are read with it.
            _ = get_resolver().reverse_dict
    gc.collect()
    gc.freeze()


def _templates() -> list[str]:
    """Every template of our own, as the loader names it."""
    ours = Path(bedside.__file__).parent
    folders = [Path(each) for each in get_app_template_dirs("templates")]
    return [
        path.relative_to(folder).as_posix()
        for folder in folders
        if folder.is_relative_to(ours)
        for path in sorted(folder.rglob("*.html"))
    ]
