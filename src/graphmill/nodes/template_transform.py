"""template-transform: a Jinja2 template over some variables (`nodes §9`)."""

from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.errors import TemplateFailed
from graphmill.nodes.base import NodeData, NodePorts, NodeType, Section, SelectorField
from graphmill.ports import Template
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value, without_files


class TemplateVariable(Section):
    variable: str
    value_selector: SelectorField


class TemplateTransformData(NodeData):
    template: str
    variables: tuple[TemplateVariable, ...]


class TemplateTransform:
    def __init__(self, data: TemplateTransformData, template: Template) -> None:
        self._variables = [(each.variable, each.value_selector) for each in data.variables]
        self._template = template

    def run(self, context: NodeContext) -> Outcome:
        inputs: dict[str, Value] = {}
        for name, selector in self._variables:
            value = context.pool.find(selector)
            inputs[name] = None if isinstance(value, Missing) else value
        try:
            output = self._template.render(
                {
                    name: value if type(value) is str else without_files(value)
                    for name, value in inputs.items()
                }
            )
        except TemplateFailed as error:
            return Failed(str(error), inputs=inputs)
        return Succeeded({"output": output}, inputs)


def _build(node_id: str, data: TemplateTransformData, ports: NodePorts) -> TemplateTransform:
    return TemplateTransform(data, ports.templates.compile(data.template))


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
