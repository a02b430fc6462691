"""A process that writes a journal until it is killed: `journal_writer FOLDER NAME COUNT`.

Each acknowledged head goes to standard output, unbuffered, after `append` has returned.
"""

import os
import sys
from pathlib import Path

from bedside.agent.journal import Journal
from bedside.audit.entry import SYSTEM, Deed, Thing
from bedside.vocabulary import JournalAction


def main() -> None:
    folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with Journal(folder) as journal:
        for number in range(count):
            detail = {"name": name, "attempt": number, "reason": "x" * (number * 37 % 900)}
            head = journal.append(
                Deed(
                    actor=SYSTEM,
                    action=JournalAction.DEVICE_PRESENCE_CHANGED,
                    object=Thing("device", "CI-20417"),
                    detail=detail,
                )
            )
            os.write(1, f"{head.size} {head.hash} {name} {number}\n".encode())


if __name__ == "__main__":
    main()
