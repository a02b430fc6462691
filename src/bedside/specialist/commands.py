"""Commands whose help and whose refusals are in the person's language.

typer says its own words ("Usage", "Options", "Missing option") in English only, so none of them is
shown: the help is written here from the parameters, and a misuse is told from what the error holds,
never from its text. What typer keeps to itself is imported in this module alone; its tests pin it.
"""

import difflib
import re
import sys
from collections.abc import Sequence
from enum import Enum
from typing import Any

import typer
from typer._click.core import Context
from typer._click.exceptions import (
    BadOptionUsage,
    BadParameter,
    MissingParameter,
    NoArgsIsHelpError,
    NoSuchOption,
    UsageError,
)
from typer._click.formatting import HelpFormatter
from typer.core import TyperCommand, TyperGroup, TyperOption

from bedside.language import N_, translator
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.errors import ExitCode

__all__ = ["HouseCommand", "HouseGroup", "run"]

_ = translator(SpecialistConfig.from_environment().language, "bedside-cli")


_ARGUMENTS = (N_("CONSOLE"), N_("DEVICE"), N_("FILE"), N_("PERSON"), N_("SEARCH"), N_("WHICH"))
"""The names of arguments, as the help shows them."""


class _House:
    """The help of a command, section by section."""

    def collect_usage_pieces(self: Any, ctx: Context) -> list[str]:
        """Return what follows the command's name."""
        arguments = [each for each in self.get_params(ctx) if each.param_type_name == "argument"]
        names = (_name(each) if each.required else f"[{_name(each)}]" for each in arguments)
        return [_(N_("[OPTIONS]")), *names]

    def format_usage(self: Any, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the first line."""
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, pieces, prefix=_(N_("Usage: ")))

    def format_options(self: Any, ctx: Context, formatter: HelpFormatter) -> None:
        """Write arguments and options, each with what it means."""
        params = self.get_params(ctx)
        for title, kind in ((N_("Arguments"), "argument"), (N_("Options"), "option")):
            rows = [_row(param) for param in params if param.param_type_name == kind]
            if rows:
                with formatter.section(_(title)):
                    formatter.write_dl(rows)


class HouseCommand(_House, TyperCommand):
    """A command."""


class HouseGroup(_House, TyperGroup):
    """A command with words of its own."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return what follows the command's name."""
        return [*super().collect_usage_pieces(ctx), _(N_("COMMAND [ARGUMENTS]..."))]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the options, and the words."""
        super().format_options(ctx, formatter)
        rows = [(name, each.help or "") for name, each in self.commands.items()]
        if rows:
            with formatter.section(_(N_("Commands"))):
                formatter.write_dl(rows)

    def resolve_command(self, ctx: Context, args: list[str]) -> Any:
        """Find the word; raises UsageError with a sentence of ours."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.commands)
            words = [_(N_("There is no command {name}.")).format(name=args[0])]
            if near:
                words.append(_(N_("Did you mean: {names}?")).format(names=", ".join(near)))
            raise _OwnUsageError(" ".join(words), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Context) -> Any:
        """Run the word; raises UsageError with a sentence of ours where there is none."""
        if not ctx._protected_args and not self.invoke_without_command:
            raise _OwnUsageError(_(N_("A command is missing.")), ctx)
        return super().invoke(ctx)


class _OwnUsageError(UsageError):
    """A misuse whose message is a sentence of ours."""


def run(app: typer.Typer, argv: Sequence[str] | None, *, name: str) -> int:
    """Run one command of `app` and return its exit code; a misuse is told on standard error."""
    try:
        code = app(
            args=list(sys.argv[1:] if argv is None else argv), prog_name=name, standalone_mode=False
        )
    except NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return ExitCode.USAGE
    except UsageError as error:
        _tell(error)
        return ExitCode.USAGE
    except typer.Abort:
        return 130
    return code if isinstance(code, int) else ExitCode.DONE


def _tell(error: UsageError) -> None:
    if error.ctx is not None:
        print(error.ctx.get_usage(), file=sys.stderr)
        hint = _(N_("For help: {command}"))
        print(hint.format(command=f"{error.ctx.command_path} --help"), file=sys.stderr)
    print(f"✖ {_sentence(error)}", file=sys.stderr)


def _sentence(error: UsageError) -> str:
    match error:
        case _OwnUsageError():
            return error.message
        case MissingParameter(param=param) if param is not None:
            return _(N_("{name} is missing.")).format(name=_name(param))
        case BadParameter(param=None):
            return error.message
        case BadParameter(param=param):
            return _bad_value(param)
        case NoSuchOption(option_name=name, possibilities=near):
            said = _(N_("There is no option {name}.")).format(name=name)
            asked = _(N_("Did you mean: {names}?")).format(names=", ".join(sorted(near or ())))
            return f"{said} {asked}" if near else said
        case BadOptionUsage(option_name=name) if "does not take" in error.message:
            return _(N_("{name} takes no value.")).format(name=name)
        case BadOptionUsage(option_name=name):
            return _(N_("{name} needs a value.")).format(name=name)
    if extra := re.search(r"extra argument.*\((.*)\)", error.message):
        return _(N_("This is too much: {words}")).format(words=extra[1])
    return _(N_("The command was not understood."))


def _bad_value(param: Any) -> str:
    choices = _choices(param)
    if choices:
        said = _(N_("{name} takes one of: {choices}."))
        return said.format(name=_name(param), choices=", ".join(choices))
    least = getattr(param, "min", None)
    if least is not None:
        return _(N_("{name} takes a number, {least} or more.")).format(
            name=_name(param), least=least
        )
    return _(N_("{name} cannot take this value.")).format(name=_name(param))


def _row(param: Any) -> tuple[str, str]:
    words = [_(N_("Show this help.")) if param.name == "help" else param.help or ""]
    if param.required:
        words.append(_(N_("[required]")))
    elif _shows_default(param.default):
        words.append(_(N_("[default: {value}]")).format(value=_plain(param.default)))
    return _name(param) + _value(param), " ".join(words)


def _name(param: Any) -> str:
    if param.param_type_name == "argument":
        return _(str(param.name).upper())
    return ", ".join((*param.opts, *param.secondary_opts))


def _value(param: Any) -> str:
    if not isinstance(param, TyperOption) or param.is_flag:
        return ""
    if choices := _choices(param):
        return " " + "|".join(choices)
    return f" {_(N_('NUMBER'))}" if isinstance(param.default, int) else f" {_(N_('TEXT'))}"


def _choices(param: Any) -> list[str]:
    default = param.default
    return [str(each.value) for each in type(default)] if isinstance(default, Enum) else []


def _shows_default(default: Any) -> bool:
    return (
        isinstance(default, Enum)
        or (type(default) is int)
        or (type(default) is str and default != "")
    )


def _plain(default: Any) -> str:
    return str(default.value if isinstance(default, Enum) else default)
