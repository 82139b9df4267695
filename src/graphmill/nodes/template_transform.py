"""template-transform: a Jinja2 template over some variables (`nodes §9`)."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.errors import TemplateFailed
from graphmill.nodes.base import NodeData, NodePorts, NodeType, Section, SelectorField
from graphmill.ports.code import Template, WaitingTemplate
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value, without_files


class TemplateVariable(Section):
    variable: str
    value_selector: SelectorField


class TemplateTransformData(NodeData):
    template: str
    variables: tuple[TemplateVariable, ...]


Variables: TypeAlias = tuple[tuple[str, Selector], ...]


class TemplateTransform:
    def __init__(self, variables: Variables, template: Template) -> None:
        self._variables = variables
        self._template = template

    def run(self, context: NodeContext) -> Outcome:
        inputs = _inputs(self._variables, context.pool)
        try:
            output = self._template.render(_shown(inputs))
        except TemplateFailed as error:
            return Failed(str(error), inputs=inputs)
        return Succeeded({"output": output}, inputs)


class WaitingTemplateTransform:
    """With a template that may have to be rendered in the code sandbox."""

    def __init__(self, variables: Variables, template: WaitingTemplate) -> None:
        self._variables = variables
        self._template = template

    async def run(self, context: NodeContext) -> Outcome:
        inputs = _inputs(self._variables, context.pool)
        try:
            output = await self._template.render_elsewhere(_shown(inputs))
        except TemplateFailed as error:
            return Failed(str(error), inputs=inputs)
        return Succeeded({"output": output}, inputs)


def _inputs(variables: Variables, pool: Pool) -> dict[str, Value]:
    inputs: dict[str, Value] = {}
    for name, selector in variables:
        value = pool.find(selector)
        inputs[name] = None if isinstance(value, Missing) else value
    return inputs


def _shown(inputs: Mapping[str, Value]) -> dict[str, Value]:
    return {
        name: value if type(value) is str else without_files(value)
        for name, value in inputs.items()
    }


def _build(
    node_id: str, data: TemplateTransformData, ports: NodePorts
) -> TemplateTransform | WaitingTemplateTransform:
    variables = tuple((each.variable, each.value_selector) for each in data.variables)
    template = ports.templates.compile(data.template)
    if isinstance(template, WaitingTemplate):
        return WaitingTemplateTransform(variables, template)
    return TemplateTransform(variables, template)


def _output_names(data: TemplateTransformData) -> frozenset[str]:
    return frozenset({"output"})


def _reads(data: TemplateTransformData) -> tuple[Selector, ...]:
    return tuple(variable.value_selector for variable in data.variables)


TEMPLATE_TRANSFORM: Final = NodeType(
    "template-transform",
    TemplateTransformData,
    _build,
    output_names=_output_names,
    reads=_reads,
)
