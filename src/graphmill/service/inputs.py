"""What a request hands to a run: `inputs` cast by the start variables, file mappings turned into files
(`service-api §8, §9`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphmill.storage.end_users import EndUser
from graphmill.variables.files import File
from graphmill.variables.inputs import StartVariable
from graphmill.variables.values import Value


class InputReader:
    """Reads the inputs of one request; raises InvalidParameter with Dify's text."""

    async def read(
        self, variables: Sequence[StartVariable], inputs: Mapping[str, object], user: EndUser
    ) -> dict[str, Value]:
        raise NotImplementedError

    async def read_files(
        self, features: Mapping[str, Any], files: Sequence[object], user: EndUser
    ) -> list[File]:
        """The legacy top-level `files` (`§9.3`)."""
        raise NotImplementedError
