"""question-classifier: a model says which of the node's exits a text takes (`nodes §6`)."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from graphmill.engine.context import NodeContext
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.usage import Usage, usage_metadata
from graphmill.errors import ModelError
from graphmill.nodes.base import NodeData, NodePorts, NodeType, Section, SelectorField
from graphmill.nodes.prompts.asking import Question, asked_selectors
from graphmill.nodes.prompts.call import Reply, call_record, error_type, whole_reply
from graphmill.nodes.prompts.data import MemoryData, ModelData, VisionData, models_of
from graphmill.nodes.prompts.text import PromptInvalid
from graphmill.nodes.replies.json_text import ReplyInvalid, marked_object
from graphmill.nodes.replies.thinking import without_thoughts
from graphmill.ports.models import Message, Role
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.template import Template
from graphmill.variables.values import Missing, Value, render_text, to_json

_SYSTEM: Final = """\
You sort texts into categories. You are given a text, the categories with their ids, and sometimes \
instructions on how to choose. Choose the one category that fits the text best, also where none \
fits well.

Reply with one JSON object and nothing else: {"keywords": [the words of the text that your choice \
rests on], "category_id": "the id", "category_name": "the name"}"""

_EXAMPLES: Final = (
    (
        "The parcel arrived with a broken lid, can I send it back?",
        [("ship", "Shipping"), ("return", "Returns and refunds"), ("other", "Anything else")],
        "",
        '{"keywords": ["broken", "send it back"], "category_id": "return", '
        '"category_name": "Returns and refunds"}',
    ),
    (
        "Wie lange dauert der Versand nach Wien?",
        [("ship", "Shipping"), ("return", "Returns and refunds"), ("other", "Anything else")],
        "Questions about delivery times are about shipping.",
        '{"keywords": ["Versand"], "category_id": "ship", "category_name": "Shipping"}',
    ),
)


class ClassData(Section):
    id: str
    name: str


class QuestionClassifierData(NodeData):
    query_variable_selector: SelectorField = ()
    model: ModelData
    classes: tuple[ClassData, ...] = Field(min_length=1)
    instruction: str = ""
    memory: MemoryData | None = None
    vision: VisionData = VisionData()


class QuestionClassifier:
    def __init__(self, data: QuestionClassifierData, ports: NodePorts) -> None:
        self._model = data.model
        self._query = data.query_variable_selector
        self._classes = [(each.id, Template.parse(each.name)) for each in data.classes]
        self._instruction = Template.parse(data.instruction)
        self._question = Question(data.model, data.memory, data.vision, ports)
        self._models = ports.models

    async def run(self, context: NodeContext) -> Outcome:
        pool = context.pool
        query = _query(self._query, pool)
        inputs: dict[str, Value] = {"query": query}
        names = {class_id: name.render(pool) for class_id, name in self._classes}
        asked = _asked(render_text(query), list(names.items()), self._instruction.render(pool))
        usage = Usage()
        try:
            request = await self._question.ask(context, _SYSTEM, _SHOWN, asked)
            reply = await whole_reply(self._models.chat(request))
            usage = reply.usage
            chosen = _chosen(reply, names)
        except (PromptInvalid, ReplyInvalid) as error:
            return _failed(str(error), error.kind, inputs, usage)
        except ModelError as error:
            return _failed(str(error), error_type(error), inputs, usage)
        record = call_record(self._model, request, reply)
        outputs: dict[str, Value] = {
            "class_name": names[chosen],
            "class_id": chosen,
            "usage": record["usage"],
        }
        return Succeeded(outputs, inputs, record, usage_metadata(usage), handle=chosen, usage=usage)


def _query(selector: Selector, pool: Pool) -> Value:
    value = pool.find(selector)
    return None if isinstance(value, Missing) else value


def _asked(text: str, classes: Sequence[tuple[str, str]], instruction: str) -> str:
    categories: list[Value] = [
        {"category_id": class_id, "category_name": name} for class_id, name in classes
    ]
    instructions = f"\n\nInstructions: {instruction}" if instruction else ""
    return f"Text:\n{text}\n\nCategories: {to_json(categories)}{instructions}"


_SHOWN: Final = tuple(
    message
    for text, classes, instruction, reply in _EXAMPLES
    for message in (
        Message(Role.USER, _asked(text, classes, instruction)),
        Message(Role.ASSISTANT, reply),
    )
)


def _chosen(reply: Reply, names: dict[str, str]) -> str:
    """The id of the class; of the first one where the model names none of them.

    Raises ReplyInvalid."""
    choice = marked_object(without_thoughts(reply.text))
    chosen = choice.get("category_id")
    if isinstance(chosen, str) and chosen in names and "category_name" in choice:
        return chosen
    return next(iter(names))


def _failed(error: str, kind: str, inputs: dict[str, Value], usage: Usage) -> Failed:
    return Failed(error, kind, inputs, metadata=usage_metadata(usage), usage=usage)


def _build(node_id: str, data: QuestionClassifierData, ports: NodePorts) -> QuestionClassifier:
    return QuestionClassifier(data, ports)


def _output_names(data: QuestionClassifierData) -> frozenset[str]:
    return frozenset({"class_name", "class_id", "usage"})


def _handles(data: QuestionClassifierData) -> frozenset[str]:
    return frozenset(each.id for each in data.classes)


def _reads(data: QuestionClassifierData) -> tuple[Selector, ...]:
    texts = [data.instruction, *(each.name for each in data.classes)]
    own = [selector for text in texts for selector in Template.parse(text).selectors]
    query = [data.query_variable_selector] if data.query_variable_selector else []
    return (*query, *own, *asked_selectors(data.model, data.vision))


QUESTION_CLASSIFIER: Final = NodeType(
    "question-classifier",
    QuestionClassifierData,
    _build,
    node_class=NodeClass.BRANCH,
    output_names=_output_names,
    reads=_reads,
    models=models_of,
    handles=_handles,
)
