"""Which addresses an outgoing request may reach: every public one, and what the operator allows.

Pure. The client resolves names and asks here about each address before it connects to it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, Self, TypeAlias

from graphmill.errors import OutboundRefused

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# The first network that holds an address names its kind, so single addresses come first.
_KINDS: Final[tuple[tuple[str, str], ...]] = (
    ("cloud metadata", "169.254.169.254/32 169.254.170.2/32 100.100.100.200/32 168.63.129.16/32"),
    ("cloud metadata", "192.0.0.192/32 fd00:ec2::254/128 fd20:ce::254/128"),
    ("unspecified", "0.0.0.0/8 ::/128"),
    ("loopback", "127.0.0.0/8 ::1/128"),
    ("private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10"),
    ("carrier-grade NAT", "100.64.0.0/10"),
    ("link-local", "169.254.0.0/16 fe80::/10"),
    ("documentation", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"),
    ("benchmark", "198.18.0.0/15"),
    ("multicast", "224.0.0.0/4 ff00::/8"),
    ("broadcast", "255.255.255.255/32"),
    ("tunnel", "192.88.99.0/24 2001::/32"),
    ("reserved", "192.0.0.0/24 240.0.0.0/4 2001::/23"),
)
_SPECIAL: Final = tuple(
    (kind, ip_network(network)) for kind, networks in _KINDS for network in networks.split()
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_EMBEDS_LAST_32_BITS: Final = (
    IPv6Network("::ffff:0:0/96"),
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0:0/96"),
    _NAT64,
)
_HOST_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_PORT: Final = re.compile(r"[0-9]{1,5}")


@lru_cache(maxsize=1024)
def kind_of(address: Address) -> str | None:
    """What makes `address` one that nobody outside may reach; None when it is public.

    IPv6 forms that carry an IPv4 address are as special as the address they carry."""
    inner = _embedded(address)
    if inner is not None:
        kind = kind_of(inner)
        if kind is not None:
            return kind
        if isinstance(address, IPv6Address) and (address.ipv4_mapped or address in _NAT64):
            return None
    for kind, network in _SPECIAL:
        if address in network:
            return kind
    return None if address.version == 4 or address in _GLOBAL_UNICAST else "reserved"


@lru_cache(maxsize=1024)
def parse_address(text: str) -> Address | None:
    """The address that `text` spells, None for anything else.

    Also reads what `inet_aton` takes for IPv4: fewer than four parts, octal and hexadecimal."""
    try:
        return ip_address(text)
    except ValueError:
        return _legacy_ipv4(text)


@dataclass(frozen=True, slots=True)
class OutboundRules:
    """The guard's rules: all public addresses, plus these."""

    networks: tuple[tuple[Network, int | None], ...] = ()
    """With the one port that is open there, or None for all."""
    hosts: frozenset[tuple[str, int | None]] = frozenset()
    setting: str = "http_request.allow"
    """What of the configuration they were read from, and would have to allow more."""

    @classmethod
    def parse(cls, entries: Iterable[str], setting: str = "http_request.allow") -> Self:
        """Read a list of the configuration. Raises ValueError quoting the entry that is wrong."""
        networks: list[tuple[Network, int | None]] = []
        hosts: set[tuple[str, int | None]] = set()
        for entry in entries:
            text, port = _split_port(entry)
            network = _network(entry, text)
            if network is not None:
                networks.append((network, port))
            elif _HOST_NAME.fullmatch(text):
                hosts.add((text, port))
            else:
                raise _not_an_entry(entry)
        return cls(tuple(networks), frozenset(hosts), setting)

    def permits(self, host: str, port: int, address: Address) -> bool:
        """May a request for `host` (lower case, as the URL has it) connect to `address`?"""
        if kind_of(address) is None or not self.hosts.isdisjoint({(host, port), (host, None)}):
            return True
        spellings = tuple(_spellings(address))
        return any(
            allowed_port in (None, port) and any(spelling in network for spelling in spellings)
            for network, allowed_port in self.networks
        )

    def check(self, host: str, port: int, addresses: Iterable[Address]) -> list[Address]:
        """Those of `addresses` that may be connected to, in their order.

        Raises OutboundRefused when there is none."""
        addresses = list(addresses)
        permitted = [address for address in addresses if self.permits(host, port, address)]
        if addresses and not permitted:
            raise _refusal(host, port, addresses[0], self.setting)
        return permitted


def _refusal(host: str, port: int, address: Address, setting: str) -> OutboundRefused:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    reason = f"{kind_of(address)} address"
    if parse_address(host) is None:
        reason += " behind the name"
    return OutboundRefused(
        f"Refused to connect to {place} ({reason}). "
        f'To allow it add "{place}" to {setting} in config.yaml.'
    )


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address inside a mapped, compatible, translated, NAT64 or 6to4 one."""
    if isinstance(address, IPv4Address):
        return None
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in _EMBEDS_LAST_32_BITS) and int(address) > 1:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _spellings(address: Address) -> Iterator[Address]:
    yield address
    inner = _embedded(address)
    if inner is not None:
        yield inner


def _legacy_ipv4(text: str) -> IPv4Address | None:
    parts = text.removesuffix(".").split(".")
    numbers = [_legacy_number(part) for part in parts]
    *leading, last = numbers
    if len(numbers) > 4 or last is None or last >= 256 ** (4 - len(leading)):
        return None
    value = last
    for position, number in enumerate(leading):
        if number is None or number > 255:
            return None
        value += number << (24 - 8 * position)
    return IPv4Address(value)


def _legacy_number(text: str) -> int | None:
    for pattern, base in (
        (r"0x([0-9a-f]{0,8})", 16),
        (r"0([0-7]{1,11})", 8),
        (r"(0|[1-9][0-9]{0,9})", 10),
    ):
        match = re.fullmatch(pattern, text.lower(), re.ASCII)
        if match is not None:
            return int(match[1] or "0", base)
    return None


def _split_port(entry: str) -> tuple[str, int | None]:
    """`host:port`, `[v6]:port` or neither, in lower case without brackets."""
    text = entry.strip().lower()
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return _without_brackets(text).removesuffix("."), None
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise _not_an_entry(entry)
    return _without_brackets(host), int(port)


def _without_brackets(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _network(entry: str, text: str) -> Network | None:
    """A network, or a single address as a network of one; None for what may be a name."""
    if "/" not in text:
        address = parse_address(text)
        return None if address is None else ip_network(address)
    try:
        return ip_network(text)
    except ValueError as error:
        try:
            meant = ip_network(text, strict=False)
        except ValueError:
            raise _not_an_entry(entry) from None
        raise ValueError(f'{entry!r} is no network ({error}); "{meant}" would be one.') from None


def _not_an_entry(entry: str) -> ValueError:
    return ValueError(
        f"{entry!r} is neither a network (10.0.0.0/8) nor an address "
        "(10.0.0.5, [::1]) nor a host name (db.internal), with or without a port "
        "(127.0.0.1:9101, db.internal:5432)."
    )
