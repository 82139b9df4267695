"""Parts of a workflow file as models."""

from pydantic import BaseModel, ConfigDict, model_validator


class Part(BaseModel):
    """Unknown keys are ignored, and a key with the value null is as good as absent: real files need
    both (`workflow-dsl §5.1`)."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, raw: object) -> object:
        if not isinstance(raw, dict):
            return raw
        return {key: value for key, value in raw.items() if value is not None}
