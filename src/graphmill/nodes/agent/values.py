"""Values of parameters that may hold references at any depth, prepared once (`nodes §19`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphmill.nodes.tool.arguments import GivenValue, shown_at
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector, parse_selector
from graphmill.variables.template import Template
from graphmill.variables.values import Missing, Value

Tree: TypeAlias = Any
"""A value in which templates stand for the texts that need values, selectors for variables."""


class VariableMissing(Exception):
    """A parameter is to have the value of a variable that is not there."""


def prepare(given: GivenValue) -> Tree:
    if given.type == "variable":
        return _Variable(parse_selector(given.value))
    return _prepared(given.value)


def fill(tree: Tree, pool: Pool, *, is_logged: bool = False) -> Value:
    """Put the values in; in what `is_logged`, secrets are masked. Raises VariableMissing."""
    match tree:
        case Template():
            return tree.render_log(pool) if is_logged else tree.render(pool)
        case _Variable(selector=selector):
            value = shown_at(selector, pool) if is_logged else pool.find(selector)
            if isinstance(value, Missing):
                raise VariableMissing(f"Variable {list(selector)} does not exist")
            return value
        case dict():
            return {name: fill(each, pool, is_logged=is_logged) for name, each in tree.items()}
        case list():
            return [fill(each, pool, is_logged=is_logged) for each in tree]
        case _:
            plain: Value = tree
            return plain


def selectors_in(tree: Tree) -> Iterator[Selector]:
    match tree:
        case Template(selectors=selectors):
            yield from selectors
        case _Variable(selector=selector):
            yield selector
        case dict():
            for each in tree.values():
                yield from selectors_in(each)
        case list():
            for each in tree:
                yield from selectors_in(each)
        case _:
            pass


@dataclass(frozen=True, slots=True)
class _Variable:
    selector: Selector


def _prepared(value: Value) -> Tree:
    match value:
        case str():
            template = Template.parse(value)
            return template if template.selectors else value
        # What the author of the node has chosen for a tool, as a variable.
        case {"type": "variable", "value": [*steps]} if all(isinstance(s, str) for s in steps):
            return _Variable(parse_selector([str(step) for step in steps]))
        case dict():
            return {name: _prepared(each) for name, each in value.items()}
        case list():
            return [_prepared(each) for each in value]
        case _:
            return value
