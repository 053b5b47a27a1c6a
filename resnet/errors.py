"""What a user can mend: the exception that a mistake raises, and the line that any such error is on the screen."""

from __future__ import annotations

import errno
import sys

LINE = 400
"""Characters of a line at most: a file of the user's may hold anything."""


class UserError(Exception):
    """Something the user can mend: wrong parameters, a corrupt archive, a missing network.

    The message is one clear line that names what is wrong and what to do. The command line prints
    it without a traceback and exits with code 1.
    """


def one_line(text: object, length: int = LINE) -> str:
    """A text as one printable line, its middle left out where it is long."""
    line = " ".join(str(text).split())
    if len(line) > 4 * length:
        line = line[: 2 * length] + line[-2 * length :]
    line = "".join(character if character.isprintable() else repr(character)[1:-1] for character in line)
    if len(line) > length:
        line = f"{line[: 2 * length // 3]} ... {line[-length // 4 :]}"
    return line


REMEDIES = {
    errno.ENOSPC: "no space is left: free some, and the same command goes on",
    errno.EDQUOT: "your disk quota is used up: free some, and the same command goes on",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "not permitted",
    errno.EPERM: "not permitted",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a file stands where a folder must be",
    errno.EISDIR: "a folder stands where a file must be",
    errno.EEXIST: "it is there already, and not what it must be",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "links that lead to themselves",
    errno.EMFILE: "too many files are open",
}
"""What an error of the system is for its user."""


def explained(error: BaseException) -> str | None:
    """What an error is in one line, if its user can mend it; None for a defect of this program."""
    if isinstance(error, UserError):
        return one_line(error)
    if isinstance(error, OSError):
        names = (error.filename, error.filename2)
        why = REMEDIES.get(error.errno or 0) or one_line(error.strerror or error)
        return one_line(": ".join([*(str(name) for name in names if name is not None), why]))
    if isinstance(error, RecursionError):
        return "something is nested too deeply to be read"
    if _is_out_of_memory(error):
        first = str(error).strip().splitlines()[:1] or [""]
        return one_line(f"out of memory: a smaller batch or net needs less ({first[0]})".replace(" ()", ""))
    if "No space left on device" in str(error):  # of libraries that write files by themselves
        return one_line(f"{error}: {REMEDIES[errno.ENOSPC]}")
    return None


def _is_out_of_memory(error: BaseException) -> bool:
    torch = sys.modules.get("torch")  # whoever has not loaded it has not used its memory
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and ("can't allocate memory" in str(error) or "bad_alloc" in str(error))
