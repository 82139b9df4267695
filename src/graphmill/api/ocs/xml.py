"""Answers as XML, the way Nextcloud writes it (`nextcloud-ocs §2.5`)."""

import re
from collections.abc import Iterator
from html import escape
from typing import Any, Final

_NAME: Final = re.compile(r"[^\W\d][\w.-]*", re.ASCII)
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def document(content: dict[str, Any]) -> bytes:
    """`content` has one key, the root."""
    lines = ['<?xml version="1.0"?>', *_children(content, "")]
    return ("\n".join(lines) + "\n").encode()


def _children(value: dict[str, Any] | list[Any], indent: str) -> Iterator[str]:
    entries = value.items() if isinstance(value, dict) else (("element", item) for item in value)
    for key, item in entries:
        yield from _element(key, item, indent)


def _element(key: str, value: Any, indent: str) -> Iterator[str]:
    opening = closing = key
    if not _NAME.fullmatch(key):
        # Such as the id of a task type: parsers that know namespaces would refuse the document.
        opening, closing = f'element key="{escape(_printable(key))}"', "element"
    if value is None or (isinstance(value, dict | list) and not value):
        yield f"{indent}<{opening}/>"
    elif isinstance(value, dict | list):
        yield f"{indent}<{opening}>"
        yield from _children(value, indent + " ")
        yield f"{indent}</{closing}>"
    else:
        yield f"{indent}<{opening}>{_text(value)}</{closing}>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    return escape(_printable(str(value)), quote=False)


def _printable(text: str) -> str:
    """Without characters that XML cannot hold."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
