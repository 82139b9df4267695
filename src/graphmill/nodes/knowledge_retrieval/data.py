"""What the YAML says (`nodes §5`). Sections of what is switched off may be half filled in: real
files keep them."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from graphmill.nodes.base import NodeData, Section, SelectorField
from graphmill.nodes.condition_data import LogicalOperator
from graphmill.nodes.prompts.data import ModelData
from graphmill.ports.knowledge import Weights
from graphmill.ports.models import ModelRef

OPERATORS: Final = (
    "contains",
    "not contains",
    "start with",
    "end with",
    "is",
    "is not",
    "in",
    "not in",
    "empty",
    "not empty",
    "=",
    "≠",
    ">",
    "<",
    "≥",
    "≤",
    "before",
    "after",
)


def _known_operator(word: str) -> str:
    if word not in OPERATORS:
        raise ValueError(f"expected one of: {', '.join(OPERATORS)}")
    return word


def _chosen(model: object) -> object:
    """The editor leaves the parts of a model empty that nobody has chosen."""
    if not isinstance(model, dict) or not model.get("provider") or not model.get("mode"):
        return None
    return model


OptionalModel: TypeAlias = Annotated[ModelData | None, BeforeValidator(_chosen)]


class RerankingModelData(Section):
    provider: str = ""
    model: str = ""

    @property
    def ref(self) -> ModelRef | None:
        """None when no model was chosen."""
        return ModelRef(self.provider, self.model) if self.provider and self.model else None


class VectorSetting(Section):
    vector_weight: float = Field(0.7, ge=0, le=1)


class KeywordSetting(Section):
    keyword_weight: float = Field(0.3, ge=0, le=1)


class WeightsData(Section):
    vector_setting: VectorSetting = VectorSetting()
    keyword_setting: KeywordSetting = KeywordSetting()

    def build(self) -> Weights:
        return Weights(self.vector_setting.vector_weight, self.keyword_setting.keyword_weight)


class MultipleRetrievalData(Section):
    top_k: int = Field(4, ge=1, le=100)
    score_threshold: float = 0.0
    reranking_enable: bool = True
    reranking_mode: Literal["reranking_model", "weighted_score"] = "reranking_model"
    reranking_model: RerankingModelData = RerankingModelData()
    weights: WeightsData | None = None

    @property
    def is_weighted(self) -> bool:
        return self.reranking_enable and self.reranking_mode == "weighted_score"

    @property
    def rerank(self) -> ModelRef | None:
        if not self.reranking_enable or self.reranking_mode != "reranking_model":
            return None
        return self.reranking_model.ref


class SingleRetrievalData(Section):
    model: OptionalModel = None


class MetadataConditionData(Section):
    name: str
    comparison_operator: Annotated[str, AfterValidator(_known_operator)]
    value: str | list[str] | None = None


class MetadataConditionsData(Section):
    logical_operator: LogicalOperator = LogicalOperator.AND
    conditions: tuple[MetadataConditionData, ...] = ()


class KnowledgeRetrievalData(NodeData):
    query_variable_selector: SelectorField = ()
    query_attachment_selector: SelectorField = ()
    dataset_ids: tuple[str, ...]
    retrieval_mode: Literal["single", "multiple"]
    multiple_retrieval_config: MultipleRetrievalData | None = None
    single_retrieval_config: SingleRetrievalData = SingleRetrievalData()
    metadata_filtering_mode: Literal["disabled", "automatic", "manual"] = "disabled"
    metadata_model_config: OptionalModel = None
    metadata_filtering_conditions: MetadataConditionsData = MetadataConditionsData()

    @property
    def chooser(self) -> ModelData | None:
        """The model that picks one of the datasets."""
        return self.single_retrieval_config.model if self.retrieval_mode == "single" else None

    @property
    def filterer(self) -> ModelData | None:
        """The model that reads conditions out of the query."""
        is_asked = self.metadata_filtering_mode == "automatic"
        return self.metadata_model_config if is_asked else None
