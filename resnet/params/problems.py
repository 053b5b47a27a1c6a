"""A mistake in the parameters, said in one line."""

from pydantic import ValidationError


def first_problem(error: ValidationError) -> str:
    """Say a validation error in one line: where, what, and the value given."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    what = problem["msg"].removeprefix("Value error, ")
    if what.startswith("models."):
        return what
    given = problem.get("input")
    if problem["type"] != "value_error" and isinstance(given, int | float | str):
        what += f" (given: {given!r})"
    return f"{where}: {what}" if where else what
