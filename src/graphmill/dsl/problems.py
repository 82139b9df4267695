"""Problems: collecting them with their places, their order, and how people read them."""

from collections.abc import Iterable
from difflib import get_close_matches

from graphmill.dsl.model import DataPath, NodeDefinition, Problem, Severity
from graphmill.dsl.reader import Places


class Report:
    """The problems found in one file so far."""

    def __init__(self, places: Places, found: Iterable[Problem] = ()) -> None:
        self.places = places
        self.problems = list(found)

    def error(self, code: str, message: str, path: DataPath, hint: str = "") -> None:
        """What keeps the file from running; `path` leads to it from the top of the file."""
        self._add(Severity.ERROR, code, message, path, hint)

    def warning(self, code: str, message: str, path: DataPath, hint: str = "") -> None:
        """What runs, but hardly as its author thinks."""
        self._add(Severity.WARNING, code, message, path, hint)

    def _add(self, severity: Severity, code: str, message: str, path: DataPath, hint: str) -> None:
        place = self.places.of(path)
        self.problems.append(Problem(severity, code, message, place, hint, field=dotted(path)))


def node_problem(
    node: NodeDefinition,
    code: str,
    message: str,
    path: DataPath = (),
    *,
    hint: str = "",
    severity: Severity = Severity.ERROR,
) -> Problem:
    """A problem of `data[path]` of a node."""
    return Problem(
        severity, code, message, node.place_of(path), hint, node.id, node.title, dotted(path)
    )


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By place in the file, each once; at one place, errors first."""
    return tuple(
        sorted(
            dict.fromkeys(problems),
            key=lambda problem: (problem.place.line, problem.place.column, problem.severity),
        )
    )


def format_text(path: str, problem: Problem) -> str:
    """One line: `file:line:column: error[code] message (node Title (id), field x) - hint`."""
    place = problem.place
    about = []
    if problem.node_id is not None:
        title = problem.node_title
        about.append(f"node {title} ({problem.node_id})" if title else f"node {problem.node_id}")
    if problem.field is not None:
        about.append(f"field {problem.field}")
    line = (
        f"{path}:{place.line}:{place.column}: {problem.severity}[{problem.code}] {problem.message}"
    )
    if about:
        line += f" ({', '.join(about)})"
    if problem.hint:
        line += f" - {problem.hint}"
    return "".join(letter if letter.isprintable() else " " for letter in line)


def dotted(path: DataPath) -> str | None:
    """`("cases", 0, "value")` as people write it: `cases[0].value`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or None


def shown(value: object) -> str:
    """A value inside a message: as Python prints it, a long one cut."""
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question that names what `word` may be a misspelling of; empty when nothing is near."""
    near = get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else ""
