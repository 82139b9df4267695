"""`server`: where it listens, and how it is reached."""

from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from pydantic import Field

from graphmill.config.section import OptionalUrl, Section

Network: TypeAlias = IPv4Network | IPv6Network


class ServerSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    public_url: OptionalUrl = None
    """How the outside reaches this server; links to files begin with it."""
    cors_origins: tuple[str, ...] = ("*",)
    trusted_proxies: tuple[Network, ...] = ()
    """Who may say, in `X-Forwarded-For`, whose request it is that they pass on."""
    reasoning_chunks: bool = False
    """Is what a model thinks streamed as events of its own? Dify has done so since 1.13."""

    @property
    def base_url(self) -> str:
        """`public_url`, or what follows from host and port; without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")
