"""Values as the database holds them: JSON in which files are still files."""

from typing import Any, Final

from graphmill.jsontext import decode, encode
from graphmill.variables.files import IDENTITY, File, file_from_mapping

_IDENTITY: Final = IDENTITY.encode()


def pack(value: object) -> bytes:
    """JSON in which files can be told from other mappings."""
    return encode(value, default=_file)


def unpack(text: bytes) -> Any:
    """What `pack` was given, files included."""
    value = decode(text)
    return _restored(value) if _IDENTITY in text else value


def _file(value: object) -> object:
    if isinstance(value, File):
        return value.to_mapping()
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _restored(value: Any) -> Any:
    match value:
        case list():
            return [_restored(item) for item in value]
        case {"dify_model_identity": str(identity), "type": str(), "transfer_method": str()} if (
            identity == IDENTITY
        ):
            return file_from_mapping(value)
        case dict():
            return {key: _restored(item) for key, item in value.items()}
        case _:
            return value
