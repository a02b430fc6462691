"""Find the sentences for people in the sources: in Python calls and in Django templates.

A sentence is a literal in a call of one of the gettext names below, whatever object carries it
(`_("...")`, `self._("...")`, `ngettext("...", "...", n)`). A call that composes its sentence
(f-string, `+` with a variable) cannot be translated and is refused; so is an error that owns its
sentence (`ConfigError`) and is given one without a mark.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation.template import templatize

__all__ = ["ComposedSentenceError", "Message", "UnmarkedSentenceError", "messages_of"]


@dataclass(frozen=True)
class Message:
    """One sentence to translate, with its plural and its context where it has them."""

    singular: str
    plural: str | None = None
    context: str | None = None

    @property
    def id(self) -> str | tuple[str, str]:
        """The message's id as a catalogue knows it."""
        return self.singular if self.plural is None else (self.singular, self.plural)


class ComposedSentenceError(ValueError):
    """A sentence for people is put together from pieces, so no catalogue can hold it."""


class UnmarkedSentenceError(ComposedSentenceError):
    """An error that owns its sentence was given one that no catalogue holds."""


# name -> which argument is what
_PLAIN = ("singular",)
_PLURAL = ("singular", "plural")
_CONTEXT = ("context", "singular")
_CONTEXT_PLURAL = ("context", "singular", "plural")
_ARGUMENTS = {
    "N_": _PLAIN,
    "_": _PLAIN,
    "gettext": _PLAIN,
    "gettext_lazy": _PLAIN,
    "gettext_noop": _PLAIN,
    "ngettext": _PLURAL,
    "ngettext_lazy": _PLURAL,
    "npgettext": _CONTEXT_PLURAL,
    "npgettext_lazy": _CONTEXT_PLURAL,
    "pgettext": _CONTEXT,
    "pgettext_lazy": _CONTEXT,
}
_OWNERS = {
    "AgentConfigError",
    "ConfigError",
    "ConsoleConfigError",
    "JournalError",
    "JournalHeldError",
    "SiteError",
}
"""Errors whose first argument is the sentence that a person reads."""
_CALL_IN_TEMPLATE = re.compile(r"\b(n?p?gettext|_)\(")
_LITERAL = re.compile(r"""\s*u?("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')\s*,?""", re.DOTALL)


def messages_of(path: Path) -> Iterator[Message]:
    """Yield every sentence of one Python file or Django template."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _messages_of_python(text, path)
    else:
        yield from _messages_of_template(text, path)


def _messages_of_python(text: str, path: Path) -> Iterator[Message]:
    for node in ast.walk(ast.parse(text, str(path))):
        if not isinstance(node, ast.Call):
            continue
        if _called_name(node.func) in _OWNERS and node.args and _is_unmarked(node.args[0]):
            raise UnmarkedSentenceError(f"{path}:{node.lineno}: mark the error's sentence with N_")
        roles = _ARGUMENTS.get(_called_name(node.func))
        if roles is None or len(node.args) < len(roles):
            continue
        values = [_literal(argument) for argument in node.args[: len(roles)]]
        if any(value is None for value in values):
            if any(_is_composed(argument) for argument in node.args[: len(roles)]):
                where = f"{path}:{node.lineno}"
                raise ComposedSentenceError(f"{where}: pass values beside the sentence, not in it")
            continue  # a variable: whoever wrote its literal has marked it with N_
        yield _message(roles, [str(value) for value in values])


def _called_name(function: ast.expr) -> str:
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _literal(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def _is_composed(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.BinOp)
        and any(isinstance(part, ast.Constant) for part in (node.left, node.right))
    )


def _is_unmarked(node: ast.expr) -> bool:
    return _literal(node) is not None or isinstance(node, ast.JoinedStr | ast.BinOp)


def _messages_of_template(text: str, path: Path) -> Iterator[Message]:
    calls = templatize(text, origin=str(path))
    for match in _CALL_IN_TEMPLATE.finditer(calls):
        roles = _ARGUMENTS[match[1]]
        values: list[str] = []
        position = match.end()
        while len(values) < len(roles) and (found := _LITERAL.match(calls, position)):
            values.append(str(ast.literal_eval(found[1])))
            position = found.end()
        if len(values) == len(roles):
            yield _message(roles, values)


def _message(roles: tuple[str, ...], values: list[str]) -> Message:
    said = dict(zip(roles, values, strict=True))
    return Message(said["singular"], said.get("plural"), said.get("context"))
