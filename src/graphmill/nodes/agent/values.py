"""Values of parameters that may hold references at any depth, prepared once (`nodes §19`)."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from graphmill.nodes.tool.arguments import GivenValue
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


def fill(tree: Tree, pool: Pool, text: Callable[[Template, Pool], str] = Template.render) -> Value:
    """Put the values in. Raises VariableMissing."""
    match tree:
        case Template():
            return text(tree, pool)
        case _Variable():
            return tree.value(pool)
        case dict():
            return {name: fill(each, pool, text) for name, each in tree.items()}
        case list():
            return [fill(each, pool, text) for each in tree]
        case _:
            value: Value = tree
            return value


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


class _Variable:
    __slots__ = ("selector",)

    def __init__(self, selector: Selector) -> None:
        self.selector = selector

    def value(self, pool: Pool) -> Value:
        value = pool.find(self.selector)
        if isinstance(value, Missing):
            raise VariableMissing(f"Variable {list(self.selector)} does not exist")
        return value


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
