"""What a model decides about a search: in which dataset, and among which documents."""

from collections.abc import Sequence
from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.usage import Usage
from graphmill.nodes.base import NodePorts
from graphmill.nodes.knowledge_retrieval.data import OPERATORS
from graphmill.nodes.prompts.asking import Question
from graphmill.nodes.prompts.call import whole_reply
from graphmill.nodes.prompts.data import ModelData, VisionData
from graphmill.nodes.replies.json_text import ReplyInvalid, marked_object
from graphmill.nodes.replies.thinking import without_thoughts
from graphmill.ports.knowledge import Dataset, MetadataCondition
from graphmill.variables.values import Value, to_json

_CHOOSE: Final = """\
You choose where to look something up. You are given a question and a list of collections of \
texts, each with its number, its name and what is in it. Choose the one collection in which the \
answer is most likely to be found, or 0 when none of them can have it.

Reply with one JSON object and nothing else: {"collection": the number}"""

_FILTER: Final = f"""\
You turn a question into conditions on the metadata of documents, so that only fitting documents \
are searched. You are given the question and the names of the metadata fields. Use a field only if \
the question clearly says something about it; use no other fields. The operators are: \
{", ".join(OPERATORS)}.

Reply with one JSON object and nothing else: {{"conditions": [{{"name": "a field", "operator": \
"one of the operators", "value": "what to compare with"}}]}}, with an empty list when the question \
says nothing about any field."""


class Spent:
    """What the models of one execution used so far."""

    def __init__(self) -> None:
        self.usage = Usage()

    def add(self, usage: Usage) -> None:
        self.usage = usage if self.usage == Usage() else self.usage + usage


class Adviser:
    """A model that is asked about the searches of one node."""

    def __init__(self, model: ModelData, ports: NodePorts) -> None:
        self._question = Question(model, None, VisionData(), ports)
        self._models = ports.models

    async def choose(
        self, context: NodeContext, query: str, datasets: Sequence[Dataset], spent: Spent
    ) -> Dataset | None:
        """The dataset to search; None when none fits. Raises PromptInvalid and ModelError."""
        collections: list[Value] = [
            {"number": number, "name": each.name, "content": each.description}
            for number, each in enumerate(datasets, start=1)
        ]
        question = f"Question: {query}\n\nCollections: {to_json(collections)}"
        reply = await self._ask(context, _CHOOSE, question, spent)
        number = reply.get("collection")
        if isinstance(number, int) and 0 < number <= len(datasets):
            return datasets[number - 1]
        return None

    async def conditions(
        self, context: NodeContext, query: str, fields: Sequence[str], spent: Spent
    ) -> tuple[MetadataCondition, ...]:
        """Those that the query asks for. Raises PromptInvalid and ModelError."""
        names: list[Value] = list(fields)
        question = f"Question: {query}\n\nMetadata fields: {to_json(names)}"
        reply = await self._ask(context, _FILTER, question, spent)
        listed = reply.get("conditions")
        found = (_condition(each, fields) for each in (listed if isinstance(listed, list) else []))
        return tuple(each for each in found if each is not None)

    async def _ask(
        self, context: NodeContext, system: str, question: str, spent: Spent
    ) -> dict[str, Value]:
        """The object in the reply; nothing for a reply that has none."""
        request = await self._question.ask(context, system, (), question)
        reply = await whole_reply(self._models.chat(request))
        spent.add(reply.usage)
        try:
            return marked_object(without_thoughts(reply.text))
        except ReplyInvalid:
            return {}


def _condition(said: Value, fields: Sequence[str]) -> MetadataCondition | None:
    """None for what a model made up."""
    match said:
        case {"name": str(name), "operator": str(word), "value": value} if name in fields:
            return MetadataCondition(name, word, value) if word in OPERATORS else None
        case _:
            return None
