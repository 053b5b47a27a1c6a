"""A mistake in the parameters, said in one line."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from resnet.errors import UserError, one_line

M = TypeVar("M", bound=BaseModel)


def first_problem(error: ValidationError) -> str:
    """Say a validation error in one line: where, what, and the value given."""
    problem = error.errors(include_url=False, include_context=False)[0]
    where = one_line(".".join(str(part) for part in problem["loc"]), 120)
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    what = one_line(problem["msg"].removeprefix("Value error, "), 200)
    given = problem.get("input")
    if problem["type"] != "value_error" and isinstance(given, int | float | str):
        what += f" (given: {one_line(repr(given), 60)})"
    return f"{where}: {what}" if where else what


def validated(kind: type[M], tree: Any, source: str = "") -> M:
    """Read a tree of parameters.

    Raises:
        UserError: a key or value is not valid; the line begins with `source`.
    """
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise UserError(source + first_problem(error)) from error
    except UserError as error:  # of a section in it
        raise UserError(f"{source}{error}") from error
