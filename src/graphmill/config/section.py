"""What all sections are made of."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    model_validator,
)


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    """Relative paths count from the folder of the configuration file."""
    folder = info.context["folder"] if info.context else Path.cwd()
    return folder / path.expanduser()


def _filled(text: object) -> object:
    """`${NAME:-}` leaves an empty text, which is meant as nothing."""
    return None if text == "" else text


def _parsed(url: str) -> str:
    """Raises ValueError for what only begins like a URL."""
    _ = urlsplit(url).port
    return url


FilePath = Annotated[Path, AfterValidator(_from_folder)]
OptionalText = Annotated[str | None, BeforeValidator(_filled)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_filled)]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^/\s]\S*$"), AfterValidator(_parsed)]
OptionalUrl = Annotated[HttpUrl | None, BeforeValidator(_filled)]
Secret = Annotated[SecretStr, Field(min_length=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {
            key: value
            for key, value in data.items()
            if value is not None or key not in cls.model_fields
        }
