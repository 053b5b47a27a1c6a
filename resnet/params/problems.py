"""A mistake in the parameters, said in one line."""

from pydantic import ValidationError

from resnet.errors import one_line


def first_problem(error: ValidationError) -> str:
    """Say a validation error in one line: where, what, and the value given."""
    problem = error.errors(include_url=False, include_context=False)[0]
    where = one_line(".".join(str(part) for part in problem["loc"]), 120)
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    what = one_line(problem["msg"].removeprefix("Value error, "), 200)
    if what.startswith("models."):
        return what
    given = problem.get("input")
    if problem["type"] != "value_error" and isinstance(given, int | float | str):
        what += f" (given: {one_line(repr(given), 60)})"
    return f"{where}: {what}" if where else what
