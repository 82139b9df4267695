"""The node types that a workflow may use. A type that is not in here refuses the whole graph."""

from typing import Final

from graphmill.nodes.agent.node import AGENT
from graphmill.nodes.answer import ANSWER
from graphmill.nodes.assigner.node import ASSIGNER
from graphmill.nodes.base import NodeType
from graphmill.nodes.code.node import CODE
from graphmill.nodes.containers.ends import ITERATION_START, LOOP_END, LOOP_START
from graphmill.nodes.containers.iteration import ITERATION
from graphmill.nodes.containers.loop import LOOP
from graphmill.nodes.document_extractor import DOCUMENT_EXTRACTOR
from graphmill.nodes.end import END
from graphmill.nodes.http_request.node import HTTP_REQUEST
from graphmill.nodes.human_input import HUMAN_INPUT
from graphmill.nodes.if_else import IF_ELSE
from graphmill.nodes.knowledge_retrieval.node import KNOWLEDGE_RETRIEVAL
from graphmill.nodes.list_operator.node import LIST_OPERATOR
from graphmill.nodes.llm.node import LLM
from graphmill.nodes.parameter_extractor.node import PARAMETER_EXTRACTOR
from graphmill.nodes.question_classifier import QUESTION_CLASSIFIER
from graphmill.nodes.start import START
from graphmill.nodes.template_transform import TEMPLATE_TRANSFORM
from graphmill.nodes.tool.node import TOOL
from graphmill.nodes.variable_aggregator import VARIABLE_AGGREGATOR

NODE_TYPES: Final[dict[str, NodeType]] = {
    node_type.name: node_type
    for node_type in (
        AGENT,
        ANSWER,
        ASSIGNER,
        CODE,
        DOCUMENT_EXTRACTOR,
        END,
        HTTP_REQUEST,
        HUMAN_INPUT,
        IF_ELSE,
        ITERATION,
        ITERATION_START,
        KNOWLEDGE_RETRIEVAL,
        LIST_OPERATOR,
        LLM,
        LOOP,
        LOOP_END,
        LOOP_START,
        PARAMETER_EXTRACTOR,
        QUESTION_CLASSIFIER,
        START,
        TEMPLATE_TRANSFORM,
        TOOL,
        VARIABLE_AGGREGATOR,
    )
}
