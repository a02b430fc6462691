"""Write `docs/topics/session-states.md` from the table in `bedside.protocol.states`."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bedside.language import Language, ending_sentence, state_sentence
from bedside.protocol.states import render
from bedside.vocabulary import Ending, SessionState

__all__ = ["PAGE", "main", "page"]

Word = TypeVar("Word", SessionState, Ending)
PAGE = Path(__file__).parent.parent / "docs" / "topics" / "session-states.md"


def page() -> str:
    """Return the page: the diagram, the endings, and the words in both languages."""
    words = [
        "| Word | English | Français |",
        "|---|---|---|",
        *(_row(state, state_sentence) for state in SessionState),
        *(_row(ending, ending_sentence) for ending in Ending),
    ]
    return "\n".join(
        [
            "# Session states",
            "",
            "Console, relay, agent and panel use the same words for a session's life.",
            "The table is `bedside.protocol.states`; this page is drawn from it by `python -m tools.render_states`.",
            "",
            "## Steps",
            "",
            render(),
            "A session ends once, with one word of a closed list.",
            "",
            "## Words",
            "",
            *words,
            "",
        ]
    )


def _row(word: Word, sentence: Callable[[Word, Language], str]) -> str:
    return f"| `{word}` | {sentence(word, Language.ENGLISH)} | {sentence(word, Language.FRENCH)} |"


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
