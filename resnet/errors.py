"""What a user can mend: the exceptions for it, and the line that any such error is on the screen."""

from __future__ import annotations

import errno

LINE = 400
"""Characters of a line at most: a file of the user's may hold anything."""
FULL = (errno.ENOSPC, errno.EDQUOT)
FREE = "free some, and the same command goes on"
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "bad_alloc")


class UserError(Exception):
    """Something the user can mend: wrong parameters, a corrupt archive, a missing network.

    The message is one clear line that names what is wrong and what to do. A command prints it and exits with code 1.
    """


class Interrupted(Exception):
    """A signal, SIGINT or SIGTERM, has stopped a training, which has saved a checkpoint."""


def one_line(text: object, length: int = LINE) -> str:
    """A text as one printable line, its middle left out where it is long."""
    line = " ".join(str(text).split())
    line = "".join(character if character.isprintable() else repr(character)[1:-1] for character in line)
    return line if len(line) <= length else f"{line[: 2 * length // 3]} ... {line[-length // 4 :]}"


def explained(error: BaseException) -> str | None:
    """What an error is in one line, if its user can mend it; None for a defect of this program."""
    text = str(error)
    if isinstance(error, UserError):
        return one_line(text)
    if isinstance(error, OSError):
        parts = (error.filename, error.filename2, error.strerror or text, FREE if error.errno in FULL else None)
        return one_line(": ".join(str(part) for part in parts if part is not None))
    if isinstance(error, RecursionError):
        return "something is nested too deeply to be read"
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in text for sign in OUT_OF_MEMORY)
    ):
        first = text.strip().partition("\n")[0]
        return one_line(f"out of memory: a smaller batch or net needs less. {first}")
    if "No space left on device" in text:  # of libraries that write files by themselves
        return one_line(f"{text}: {FREE}")
    return None
