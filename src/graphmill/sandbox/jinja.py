"""Jinja2 within bounds: what may be rendered in the server because it ends soon and stays small
(`sandbox` §6, "Jinja2").

Three walls, none of which relies on another one:

1. Only listed constructs and filters compile; nothing reaches outside the values given.
2. Whatever a filter takes or makes is weighed, so no value gets much larger than the largest input.
3. Every loop round, statement, filter and output looks at the CPU time that is left.

A template that needs more is for the code sandbox, and fails here with a sentence that says so.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from jinja2 import TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

from graphmill.errors import TemplateFailed, TemplateUnbounded
from graphmill.ports.code import Template
from graphmill.sandbox.plain import MAX_OUTPUT, output_too_long
from graphmill.variables.values import Value

MAX_SOURCE: Final = 100_000
"""Characters of a template."""
MAX_INPUT: Final = 256 * 1024
"""Weight of all values together."""
MAX_SECONDS: Final = 0.05
"""CPU time of one rendering."""

_MAX_WEIGHT: Final = 1_000_000
_MAX_NODES: Final = 5_000
_MAX_EXPRESSION: Final = 200
_MAX_DEPTH: Final = 30
_BUDGET: Final = "budget of this rendering"
"""Its place among the values; no template can write such a name."""
_ROUNDS: Final = "rounds of a loop"
_STEP: Final = "step of a template"

_CONSTRUCTS: Final = frozenset({
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign,
    nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword,
    nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.CondExpr,
})  # fmt: skip
_CONSTANTS: Final = (nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Neg)
_FILTERS: Final = frozenset({
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float",
    "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject",
    "rejectattr", "replace", "reverse", "round", "select", "selectattr", "sort", "string", "sum",
    "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
})  # fmt: skip
# They calculate with `%`: a text on its left would be a format of any width.
_CALCULATING: Final = frozenset({"divisibleby", "even", "odd"})


def compile_bounded(source: str) -> Template:
    """A template that renders within bounds, or one that says at each rendering why it does not."""
    try:
        return _Bounded(_compiled(source))
    except TemplateUnbounded as error:
        return _Failing(TemplateUnbounded, str(error))
    except TemplateSyntaxError as error:
        return _Failing(TemplateFailed, f"{error.message} (line {error.lineno})")
    except RecursionError:
        return _Failing(TemplateUnbounded, str(_needs_sandbox("as deep as this one")))
    except (SyntaxError, ValueError) as error:
        return _Failing(TemplateFailed, f"The template cannot be compiled: {error}")


class _Failing:
    def __init__(self, kind: type[TemplateFailed], message: str) -> None:
        self._kind = kind
        self._message = message

    def render(self, values: Mapping[str, Value]) -> str:
        raise self._kind(self._message)


class _Bounded:
    def __init__(self, chunks: Callable[[dict[str, Any]], Iterator[str]]) -> None:
        self._chunks = chunks

    def render(self, values: Mapping[str, Value]) -> str:
        if weight_of(list(values.values()), MAX_INPUT) > MAX_INPUT:
            raise _needs_sandbox(f"with more than {MAX_INPUT} characters of values")
        budget = _Budget()
        pieces: list[str] = []
        size = 0
        try:
            for piece in self._chunks({**values, _BUDGET: budget}):
                budget.spend()
                size += len(piece)
                if size > MAX_OUTPUT:
                    raise output_too_long()
                pieces.append(piece)
        except TemplateFailed:
            raise
        # A template is its author's code: it may fail in any way that Python knows.
        except Exception as error:
            raise TemplateFailed(str(error) or type(error).__name__) from error
        return "".join(pieces)


class _Budget:
    """CPU time of this thread, so that a busy machine does not make templates fail."""

    __slots__ = ("_deadline",)

    def __init__(self) -> None:
        self._deadline = time.thread_time() + MAX_SECONDS

    def spend(self) -> None:
        """Raises TemplateUnbounded when nothing is left."""
        if time.thread_time() > self._deadline:
            raise _needs_sandbox(f"that takes more than {MAX_SECONDS * 1000:g} ms")


def _needs_sandbox(which: str) -> TemplateUnbounded:
    return TemplateUnbounded(f"A template {which} needs the code sandbox")


# --- compiling -----------------------------------------------------------------------------------


def _compiled(source: str) -> Callable[[dict[str, Any]], Iterator[str]]:
    if len(source) > MAX_SOURCE:
        raise _needs_sandbox(f"of more than {MAX_SOURCE} characters")
    tree = _ENVIRONMENT.parse(source)
    _check(tree)
    _Metering().visit(tree)
    tree.set_environment(_ENVIRONMENT)
    code = _ENVIRONMENT.compile(tree)
    template = _ENVIRONMENT.template_class.from_code(_ENVIRONMENT, code, {})
    return lambda values: template.root_render_func(template.new_context(values))


def _check(tree: nodes.Template) -> None:
    """Raises TemplateUnbounded for the first thing that is not on the lists, or too much of it."""
    total = 0
    # Each node with its depth, the loops around it, and the size of the expression it is in.
    stack: list[tuple[nodes.Node, int, bool, list[int]]] = [(tree, 0, False, [0])]
    while stack:
        node, depth, in_loop, expression = stack.pop()
        total += 1
        expression[0] += 1
        if total > _MAX_NODES or depth > _MAX_DEPTH or expression[0] > _MAX_EXPRESSION:
            raise _needs_sandbox(f"as long or as deep as this one (line {node.lineno})")
        refused = _refused(node, in_loop)
        if refused is not None:
            raise _needs_sandbox(f"with {refused} (line {node.lineno})")
        in_loop = in_loop or isinstance(node, nodes.For)
        for child in reversed(list(node.iter_child_nodes())):
            is_whole = not isinstance(node, nodes.Expr) or isinstance(child, nodes.Stmt)
            stack.append((child, depth + 1, in_loop, [0] if is_whole else expression))


def _refused(node: nodes.Node, in_loop: bool) -> str | None:
    """What to call a node that may not be used; None when it may."""
    match node:
        case _ if type(node) not in _CONSTRUCTS:
            return f"the construct {type(node).__name__!r}"
        case nodes.Filter() if node.name not in _FILTERS:
            return f"the filter {node.name!r}"
        case nodes.Test() if node.name not in _ENVIRONMENT.tests:
            return f"the test {node.name!r}"
        case nodes.Filter() | nodes.Test() if node.dyn_args or node.dyn_kwargs:
            return "arguments that are not written out"
        case nodes.Assign() if in_loop:
            return "'set' in a loop"
        case nodes.For() if node.recursive:
            return "a recursive loop"
        case nodes.Name(name="self" | "super"):
            return f"the name {node.name!r}"
        case nodes.List() | nodes.Dict() | nodes.Tuple(ctx="load") if not _is_constant(node):
            return "a list or mapping of variables"
    return None


def _is_constant(node: nodes.Node) -> bool:
    return isinstance(node, _CONSTANTS) and all(map(_is_constant, node.iter_child_nodes()))


class _Metering(NodeTransformer):
    """Puts a look at the budget into everything that could go on without output."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _metered(node.iter, _ROUNDS)
        return node

    def visit_If(self, node: nodes.If) -> nodes.Node:
        self.generic_visit(node)
        node.test = _metered(cast(nodes.Expr, node.test), _STEP)
        return node

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:
        self.generic_visit(node)
        node.node = _metered(cast(nodes.Expr, node.node), _STEP)
        return node


def _metered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(cast(nodes.Expr, node), name, [], [], None, None, lineno=node.lineno)


# --- rendering -----------------------------------------------------------------------------------


def weight_of(value: object, limit: int) -> int:
    """About the number of characters it takes to write `value` down; counts no further than a
    little over `limit`. Raises TemplateUnbounded for what is nested too deep."""
    weight = 0
    stack: list[tuple[object, int]] = [(value, 0)]
    while stack and weight <= limit:
        item, depth = stack.pop()
        if depth > _MAX_DEPTH:
            raise _needs_sandbox(f"with values of more than {_MAX_DEPTH} levels")
        if isinstance(item, str):
            weight += len(item)
        elif isinstance(item, int):
            weight += 1 + item.bit_length() // 3
        elif isinstance(item, list | tuple):
            weight += 2 * len(item)
            stack.extend([(child, depth + 1) for child in item])
        elif isinstance(item, dict):
            weight += 4 * len(item)
            stack.extend([(child, depth + 1) for pair in item.items() for child in pair])
        else:
            weight += 8
    return weight


def _weighed(value: Any, budget: _Budget) -> Any:
    """`value`, unless it is too large to go on with. What is made lazily is made now."""
    if isinstance(value, Iterator):
        items = []
        for item in value:
            budget.spend()
            items.append(item)
        value = items
    _check_size(weight_of(value, _MAX_WEIGHT))
    return value


def _check_size(size: int) -> None:
    if size > _MAX_WEIGHT:
        raise _needs_sandbox(f"with values of more than {_MAX_WEIGHT} characters")


def _check_replace(text: object, old: object, new: object, *_: object, **__: object) -> None:
    _check_size(len(str(text)) + str(text).count(str(old)) * len(str(new)))


def _check_join(items: Any, d: object = "", attribute: object = None) -> None:
    _check_size(len(items) * len(str(d)))


def _check_json(value: object, indent: object = None) -> None:
    _check_number(indent, 8)


def _check_round(value: object, precision: object = 0, method: object = "common") -> None:
    _check_number(precision, 20)


def _check_sum(items: object, attribute: object = None, start: object = 0) -> None:
    _check_number(start, _MAX_WEIGHT)


def _check_number(number: object, limit: int) -> None:
    if number is not None and not (isinstance(number, int | float) and abs(number) <= limit):
        raise _needs_sandbox(f"with {str(number)[:40]!r} where a number up to {limit} is enough")


_CHECKS: Final[dict[str, Callable[..., None]]] = {
    "join": _check_join,
    "replace": _check_replace,
    "round": _check_round,
    "sum": _check_sum,
    "tojson": _check_json,
}


def _bounded_filter(name: str) -> Callable[..., Any]:
    """The filter of that name, with the budget and the scales around it."""
    check = _CHECKS.get(name)

    @pass_context
    def bounded(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget = context[_BUDGET]
        budget.spend()
        value = _weighed(value, budget)
        if check is not None and not isinstance(value, Undefined):
            check(value, *args, **kwargs)
        result = _UNBOUNDED.call_filter(name, value, args, kwargs, context=context)
        return _weighed(result, budget)

    return bounded


@pass_context
def _step(context: Context, value: Any) -> Any:
    context[_BUDGET].spend()
    return value


@pass_context
def _rounds(context: Context, items: Any) -> "_Rounds":
    return _Rounds(items, context[_BUDGET])


class _Rounds:
    """What a loop goes through."""

    def __init__(self, items: Any, budget: _Budget) -> None:
        self._items = items
        self._budget = budget

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            self._budget.spend()
            yield item


def _bounded_test(name: str) -> Callable[..., bool]:
    """The test of that name. `select` and its kin call tests without a round of a loop."""

    @pass_context
    def bounded(context: Context, value: Any, *args: Any) -> bool:
        context[_BUDGET].spend()
        if name in _CALCULATING and isinstance(value, str):
            raise TypeError(f"{value[:40]!r} is no number")
        return bool(_UNBOUNDED.call_test(name, value, args, context=context))

    return bounded


_UNBOUNDED: Final = SandboxedEnvironment()
_ENVIRONMENT: Final = SandboxedEnvironment()
_ENVIRONMENT.globals = {}
_ENVIRONMENT.filters = {name: _bounded_filter(name) for name in _FILTERS}
_ENVIRONMENT.filters |= {_ROUNDS: _rounds, _STEP: _step}
_ENVIRONMENT.tests = {name: _bounded_test(name) for name in _UNBOUNDED.tests}
