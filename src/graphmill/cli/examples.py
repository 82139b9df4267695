"""One request per app that can be pasted into a shell."""

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any, Final

from graphmill.variables.files import FileType, TransferMethod, bare_extension
from graphmill.variables.inputs import StartVariable, VariableType

TEXT: Final = "Hello"
USER: Final = "me"

_EXTENSIONS: Final = {
    FileType.IMAGE: "png",
    FileType.DOCUMENT: "txt",
    FileType.AUDIO: "mp3",
    FileType.VIDEO: "mp4",
}
_UPLOADED: Final = re.compile(r"<id of (sample\.\w+)>")


def curl_line(
    base_url: str, key: str, variables: Sequence[StartVariable], *, is_chat: bool = False
) -> str:
    """A blocking run, or the first turn of a conversation, with a value for every required
    variable, on one line for POSIX shells.

    A required file is uploaded by a command within the line."""
    authorization = f"-H 'Authorization: Bearer {key}'"
    body = {
        "inputs": {variable.name: _sample(variable) for variable in variables if variable.required},
        "response_mode": "blocking",
        "user": USER,
    }
    if is_chat:
        body["query"] = TEXT

    def upload(match: re.Match[str]) -> str:
        # Between the single quotes before and behind it, in double quotes of its own.
        return (
            f"""'"$(printf {TEXT} | curl -s {base_url}/v1/files/upload {authorization} """
            f"""-F user={USER} -F 'file=@-;filename={match[1]};type=text/plain' """
            """| cut -d'"' -f4)"'"""
        )

    text = _UPLOADED.sub(upload, shlex.quote(json.dumps(body, ensure_ascii=False)))
    path = "chat-messages" if is_chat else "workflows/run"
    return (
        f"curl -s {base_url}/v1/{path} {authorization} "
        f"-H 'Content-Type: application/json' -d {text}"
    )


def _sample(variable: StartVariable) -> Any:
    """What the form of the studio would be filled in with; else any value that fits."""
    is_file = variable.type in (VariableType.FILE, VariableType.FILE_LIST)
    if variable.default not in (None, "") and not is_file:
        return variable.default
    match variable.type:
        case VariableType.NUMBER:
            return 1
        case VariableType.CHECKBOX:
            return True
        case VariableType.JSON_OBJECT:
            return {}
        case VariableType.SELECT:
            return next(iter(variable.options), "")
        case VariableType.FILE:
            return _file(variable)
        case VariableType.FILE_LIST:
            return [_file(variable)]
        case _:
            return TEXT[: variable.max_length or None]


def _file(variable: StartVariable) -> dict[str, str]:
    rules = variable.files
    kind = FileType(next(iter(rules.types), FileType.DOCUMENT))
    extension = _EXTENSIONS.get(kind) or bare_extension(next(iter(rules.extensions), "bin"))
    name = f"sample.{extension}"
    if not rules.methods or TransferMethod.LOCAL_FILE in rules.methods:
        how = {
            "transfer_method": TransferMethod.LOCAL_FILE.value,
            "upload_file_id": f"<id of {name}>",
        }
    else:
        how = {
            "transfer_method": TransferMethod.REMOTE_URL.value,
            "url": f"https://example.com/{name}",
        }
    return {"type": kind.value, **how}
