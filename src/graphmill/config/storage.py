"""`storage`: where the bytes of files are kept."""

from enum import StrEnum
from typing import Self

from pydantic import model_validator

from graphmill.config.section import OptionalSecret, OptionalText, OptionalUrl, Section


class S3Settings(Section):
    bucket: OptionalText = None
    prefix: str = ""
    region: OptionalText = None
    endpoint_url: OptionalUrl = None
    access_key_id: OptionalText = None
    secret_access_key: OptionalSecret = None
    presigned_urls: bool = False
    """Do links to files lead on to the bucket?"""


class StorageKind(StrEnum):
    LOCAL = "local"
    """A folder in `data_dir`."""
    S3 = "s3"


class StorageSettings(Section):
    kind: StorageKind = StorageKind.LOCAL
    s3: S3Settings = S3Settings()

    @model_validator(mode="after")
    def _s3_needs_a_bucket(self) -> Self:
        if self.kind is StorageKind.S3 and self.s3.bucket is None:
            raise ValueError("kind s3 needs s3.bucket")
        return self
