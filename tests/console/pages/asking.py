"""Ask for a session in the running console's database, and print its id."""

import sys

import django


def main(access: str, mode: str) -> None:
    django.setup()
    from bedside.vocabulary import AccessKind, Mode
    from tests.console.pages.reader import ask

    print(ask("Marie", access=AccessKind(access), mode=Mode(mode)).pk)


if __name__ == "__main__":
    main(*sys.argv[1:])
