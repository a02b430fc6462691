"""Form controls without a template each: a page of many fields spends its time there otherwise.

What stands here is letter for letter what Django's templates of the same name make (its test holds
the two against each other); every other template is Django's own.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

__all__ = ["ControlRenderer"]

_Widget = Mapping[str, Any]
_FOLDER = "django/forms/widgets/"
_INPUTS = ("checkbox", "color", "date", "datetime", "email", "hidden", "number", "password",
           "search", "tel", "text", "time", "url")  # fmt: skip


class ControlRenderer(DjangoTemplates):
    """Renders the plain controls and lists of errors in Python, and the rest by templates."""

    def render(
        self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None
    ) -> SafeString:
        """Return a control's markup."""
        write = _WRITERS.get(template_name)
        if write is not None:
            return mark_safe(write(context["widget"]))  # noqa: S308 - each value is escaped there
        if template_name == "django/forms/errors/list/default.html" and not context["errors"]:
            return mark_safe("")
        return super().render(template_name, context, request)  # type: ignore[return-value]


def _input(widget: _Widget) -> str:
    value = widget["value"]
    given = "" if value is None else f' value="{_text(value)}"'
    kind, name = conditional_escape(widget["type"]), conditional_escape(widget["name"])
    return f'<input type="{kind}" name="{name}"{given}{_attributes(widget)}>'


def _select(widget: _Widget) -> str:
    lines = [f'<select name="{conditional_escape(widget["name"])}"{_attributes(widget)}>']
    for group, options, _ in widget["optgroups"]:
        if group:
            lines.append(f'  <optgroup label="{conditional_escape(group)}">')
        lines += ["  " + _option(option) for option in options]
        if group:
            lines.append("  </optgroup>")
    return "\n".join([*lines, "</select>"])


def _option(option: _Widget) -> str:
    label = conditional_escape(localize(option["label"]))
    return f'<option value="{_text(option["value"])}"{_attributes(option)}>{label}</option>\n'


def _textarea(widget: _Widget) -> str:
    name, value = conditional_escape(widget["name"]), widget["value"]
    inside = conditional_escape(localize(value)) if value else ""
    return f'<textarea name="{name}"{_attributes(widget)}>\n{inside}</textarea>'


def _attributes(widget: _Widget) -> str:
    return "".join(
        f" {conditional_escape(name)}" + ("" if value is True else f'="{_text(value)}"')
        for name, value in widget["attrs"].items()
        if value is not False
    )


def _text(value: object) -> str:
    """Return a value as Django's `stringformat:"s"` gives it."""
    return conditional_escape(value if isinstance(value, SafeString) else str(value))


_WRITERS: dict[str, Callable[[_Widget], str]] = {
    **{f"{_FOLDER}{name}.html": _input for name in (*_INPUTS, "input")},
    f"{_FOLDER}select.html": _select,
    f"{_FOLDER}textarea.html": _textarea,
}
