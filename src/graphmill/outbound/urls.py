"""The address of a request, taken apart once, so that what is checked is what is connected to.

Pure. Spelling is normalised as browsers do it (full-width letters, numeric IPv4 forms); percent
escapes that are already there stay as they are, because signed URLs depend on them.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from graphmill.outbound.guard import parse_address

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9_.-]{1,253}")
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IN_PATH: Final = "/%:@!$&'()*+,;=~"
_IN_QUERY: Final = _IN_PATH + "?"


@dataclass(frozen=True, slots=True)
class Target:
    """An http(s) URL. Everything in it is ASCII and safe to put on the wire."""

    scheme: str
    host: str
    """Lower case; addresses in canonical form, IPv6 without brackets."""
    port: int
    path: str
    """With its query."""
    credentials: tuple[str, str] | None = None
    """User and password, if the URL had them."""

    @classmethod
    def parse(cls, url: str, params: Sequence[tuple[str, str]] = ()) -> Self:
        """Take `url` apart and add `params` to its query. Raises ValueError with a sentence."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"{url!r} is no URL: {error}") from None
        scheme = parts.scheme.lower()
        if scheme not in _PORTS:
            raise ValueError(f"{url!r} does not begin with http:// or https://")
        added = urlencode(params, errors="replace")
        query = "&".join(filter(None, (_quoted(parts.query, _IN_QUERY), added)))
        path = _quoted(parts.path, _IN_PATH) or "/"
        credentials = None
        if parts.username is not None:
            credentials = (unquote(parts.username), unquote(parts.password or ""))
        return cls(
            scheme,
            _canonical_host(url, parts.hostname or "", is_ipv6="[" in parts.netloc),
            _PORTS[scheme] if port is None else port,
            f"{path}?{query}" if query else path,
            credentials,
        )

    def join(self, location: str) -> "Target":
        """Where a redirect to `location` leads. Raises ValueError with a sentence."""
        return Target.parse(urljoin(self.text, location))

    @property
    def origin(self) -> str:
        """Scheme, host and port, the last only if it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def text(self) -> str:
        """The URL, without credentials."""
        return self.origin + self.path

    def shares_credentials_with(self, other: "Target") -> bool:
        """May what was meant for this origin also be shown to `other`?

        Yes for the same origin, and for the same host when it asks to be spoken to securely."""
        upgraded = (self.scheme, self.port, other.scheme, other.port) == ("http", 80, "https", 443)
        return self.host == other.host and (self.origin == other.origin or upgraded)


def _quoted(text: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=safe, errors="replace")


def _canonical_host(url: str, host: str, *, is_ipv6: bool) -> str:
    text = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower()
    address = parse_address(text)
    if address is not None and "%" not in text:
        return str(address)
    if not text.isascii():
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError:
            text = ""
    if is_ipv6 or not _HOST.fullmatch(text):
        raise ValueError(f"{url!r} names no host that could be reached")
    return text.removesuffix(".")
