"""What a request hands to a run: `inputs` cast by the start variables, file mappings turned into
files (`service-api §8, §9`).

How a file is found is up to whoever knows the caller; it is asked for one mapping after the other.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from graphmill.errors import InvalidParameter
from graphmill.variables.file_references import (
    FileReference,
    FileRules,
    accept_file,
    is_complete,
    parse_file_reference,
)
from graphmill.variables.files import File, FileType
from graphmill.variables.inputs import StartVariable, cast_inputs, file_slots
from graphmill.variables.values import Value

Find: TypeAlias = Callable[[FileReference], Awaitable[File]]
"""The file that a mapping names, if the caller may use it. Raises InvalidParameter."""


async def read_inputs(
    variables: Sequence[StartVariable], inputs: Mapping[str, Any], find: Find
) -> dict[str, Value]:
    """One value for each start variable. Raises InvalidParameter with Dify's text."""
    values = cast_inputs(variables, inputs)
    for slot in file_slots(variables, values):
        files = [slot.accept(reference, await find(reference)) for reference in slot.references]
        slot.fill(values, files)
    return values


async def read_files(
    features: Mapping[str, Any], mappings: Sequence[Mapping[str, Any]], find: Find
) -> list[File]:
    """The legacy top-level `files` (`§9.3`); incomplete mappings are passed over.

    Raises InvalidParameter with Dify's text."""
    if not mappings:
        return []
    rules, limit = _upload_feature(features).rules()
    files = []
    for mapping in filter(is_complete, mappings):
        reference = parse_file_reference(mapping)
        files.append(accept_file(reference, await find(reference), rules, strict=True))
    if limit is not None:
        _check_number(files, limit)
    return files


class _ImageUpload(BaseModel):
    """The part of the feature that is all the oldest files have."""

    enabled: bool = False
    number_limits: int = 3
    transfer_methods: tuple[str, ...] = ()


class _UploadFeature(BaseModel):
    """`features.file_upload` (`workflow-dsl §4.1`)."""

    enabled: bool = False
    number_limits: int = 3
    allowed_file_types: tuple[str, ...] | None = None
    allowed_file_extensions: tuple[str, ...] = ()
    allowed_file_upload_methods: tuple[str, ...] = ()
    image: _ImageUpload = _ImageUpload()

    def rules(self) -> tuple[FileRules | None, int | None]:
        """What is allowed, and how many files; when the feature is off, anything is (`service-api
        §9.3`)."""
        if self.image.enabled and self.allowed_file_types is None:
            rules = FileRules((FileType.IMAGE,), methods=self.image.transfer_methods)
            return rules, self.image.number_limits
        if not self.enabled:
            return None, None
        rules = FileRules(
            self.allowed_file_types or (),
            self.allowed_file_extensions,
            self.allowed_file_upload_methods,
        )
        return rules, self.number_limits


def _upload_feature(features: Mapping[str, Any]) -> _UploadFeature:
    try:
        return _UploadFeature.model_validate(features.get("file_upload") or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, ("features", "file_upload", *first["loc"])))
        raise InvalidParameter(
            f"The app takes no files: its {path} is wrong ({first['msg']})"
        ) from None


def _check_number(files: Sequence[File], limit: int) -> None:
    if sum(file.type == FileType.IMAGE for file in files) > limit:
        raise InvalidParameter(f"Number of image files exceeds the maximum limit {limit}")
    if len(files) > limit:
        raise InvalidParameter(f"Number of files exceeds the maximum limit {limit}")
