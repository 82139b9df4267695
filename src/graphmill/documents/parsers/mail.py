"""Messages: .eml, and Outlook's .msg ([MS-OXMSG])."""

from email import message_from_bytes, policy
from email.message import Message
from typing import Final

from graphmill.documents.parsers.html import text_of_html
from graphmill.documents.parsers.ole import WrongFormat, open_ole
from graphmill.documents.parsers.text import decode

_BODY: Final = "__substg1.0_1000001F"
_NARROW_BODY: Final = "__substg1.0_1000001E"
_HTML_BODY: Final = "__substg1.0_10130102"
_BODIES: Final = (_BODY, _NARROW_BODY, _HTML_BODY)


def parse_eml(content: bytes) -> str:
    """The parts that are read, not those that are attached; HTML only when there is nothing else.

    The heads are left out, as in Dify."""
    message = message_from_bytes(content, policy=policy.default)
    parts = [part for part in message.walk() if not part.get_filename()]
    plain = [_text(part) for part in parts if part.get_content_type() == "text/plain"]
    if any(plain):
        return "\n".join(filter(None, plain))
    rich = (_text(part) for part in parts if part.get_content_type() == "text/html")
    return "\n".join(map(text_of_html, rich))


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes), "parts of type text are no containers"
    try:
        text = payload.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        text = decode(payload)
    return text.replace("\r\n", "\n").strip()


def parse_msg(content: bytes) -> str:
    with open_ole(content) as ole:
        streams = {name: ole.openstream(name).read() for name in _BODIES if ole.exists(name)}
    if _BODY in streams:
        text = str(streams[_BODY], "utf-16-le", "replace")
    elif _NARROW_BODY in streams:
        text = decode(streams[_NARROW_BODY])
    elif _HTML_BODY in streams:
        text = text_of_html(decode(streams[_HTML_BODY]))
    else:
        raise WrongFormat("There is no text in the message.")
    return text.replace("\r\n", "\n").strip()
