"""Help and misuse are told from what typer knows, in sentences of ours."""

import enum
from typing import Annotated

import pytest
import typer

from bedside.specialist.commands import HouseCommand, HouseGroup, run


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


app = typer.Typer(
    cls=HouseGroup, rich_markup_mode=None, add_completion=False, no_args_is_help=True, help="Paint."
)


@app.command(cls=HouseCommand, help="Paint a wall.")
def paint(
    device: Annotated[str, typer.Argument(help="Which wall.")],
    case: Annotated[str, typer.Option(help="Why.")],
    colour: Annotated[Colour, typer.Option(help="Which colour.")] = Colour.RED,
    coats: Annotated[int, typer.Option(min=1, help="How many.")] = 2,
    dry: Annotated[bool, typer.Option(help="Wait.")] = True,
) -> None:
    if case == "no":
        raise typer.BadParameter("A sentence of ours.")
    raise typer.Exit(coats)


@app.command(cls=HouseCommand, help="Look at it.")
def look() -> None: ...


def test_help_is_written_from_the_parameters(capsys):
    assert run(app, ["paint", "--help"], name="x") == 0
    assert capsys.readouterr().out == (
        "Usage: x paint [OPTIONS] DEVICE\n"
        "\n"
        "  Paint a wall.\n"
        "\n"
        "Arguments:\n"
        "  DEVICE  Which wall. [required]\n"
        "\n"
        "Options:\n"
        "  --case TEXT        Why. [required]\n"
        "  --colour red|blue  Which colour. [default: red]\n"
        "  --coats NUMBER     How many. [default: 2]\n"
        "  --dry, --no-dry    Wait.\n"
        "  --help             Show this help.\n"
    )


def test_help_of_a_group_lists_its_commands_in_order(capsys):
    assert run(app, ["--help"], name="x") == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: x [OPTIONS] COMMAND [ARGUMENTS]...\n")
    assert out.endswith("Commands:\n  paint  Paint a wall.\n  look   Look at it.\n")


def test_a_group_without_a_word_shows_its_help_and_fails(capsys):
    assert run(app, [], name="x") == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nope"], "There is no option --nope."),
        (["panit"], "There is no command panit. Did you mean: paint?"),
        (["zzz"], "There is no command zzz."),
        (["paint"], "DEVICE is missing."),
        (["paint", "w"], "--case is missing."),
        (["paint", "w", "--case", "c", "--colour", "x"], "--colour takes one of: red, blue."),
        (["paint", "w", "--case", "c", "--coats", "0"], "--coats takes a number, 1 or more."),
        (["paint", "w", "--case", "c", "--coats", "x"], "--coats takes a number, 1 or more."),
        (["paint", "w", "--case"], "--case needs a value."),
        (["paint", "w", "--case", "c", "--dry=3"], "--dry takes no value."),
        (["paint", "w", "--cas", "c"], "There is no option --cas. Did you mean: --case, --coats?"),
        (["paint", "w", "v", "--case", "c"], "This is too much: v"),
        (["paint", "w", "--case", "no"], "A sentence of ours."),
    ],
)
def test_each_misuse_has_a_sentence(capsys, words, said):
    assert run(app, words, name="x") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1] == f"✖ {said}"


def test_the_exit_code_is_the_commands(capsys):
    assert run(app, ["paint", "w", "--case", "c", "--coats", "7"], name="x") == 7
    assert run(app, ["look"], name="x") == 0
