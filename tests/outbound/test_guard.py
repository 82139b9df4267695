"""The guard's tables: which addresses are special, in every spelling, and what opens them."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmill.errors import OutboundRefused
from graphmill.outbound.guard import OutboundRules, kind_of, parse_address

SPECIAL = {
    "unspecified": "0.0.0.0 0.0.0.1 0.255.255.255 :: ::2",
    "loopback": "127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.255 ::1",
    "private": (
        "10.0.0.0 10.0.0.1 10.255.255.255 172.16.0.0 172.16.0.1 172.31.255.255 192.168.0.0 "
        "192.168.1.1 192.168.255.255 fc00:: fc00::1 fd00::1 fdff:ffff:: fec0::1"
    ),
    "carrier-grade NAT": "100.64.0.0 100.64.0.1 100.100.100.201 100.127.255.255",
    "cloud metadata": (
        "169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16 192.0.0.192 "
        "fd00:ec2::254 fd20:ce::254"
    ),
    "link-local": "169.254.0.0 169.254.169.253 169.254.255.255 fe80:: fe80::1 febf:ffff::1",
    "documentation": "192.0.2.1 198.51.100.7 203.0.113.255 2001:db8::1 3fff::1",
    "benchmark": "198.18.0.1 198.19.255.255",
    "multicast": "224.0.0.1 224.0.0.251 239.255.255.250 ff02::1 ff0e::1",
    "broadcast": "255.255.255.255",
    "tunnel": "192.88.99.1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "reserved": (
        "192.0.0.1 240.0.0.1 254.255.255.254 ::8.8.8.8 ::ffff:0:8.8.8.8 64:ff9b:1::1 100::1 "
        "2001:2::1 2001:10::1 4000::1 5f00::1 8000::1 fe00::1"
    ),
}
PUBLIC = (
    "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 "
    "126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 "
    "191.255.255.255 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 "
    "203.0.112.255 203.0.114.0 223.255.255.255 2001:200::1 2001:4860:4860::8888 2606:4700::1111 "
    "2a00:1450:4001::1 3ffe::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1"
)
CARRIERS = {
    "mapped": "::ffff:{}",
    "compatible": "::{}",
    "translated": "::ffff:0:{}",
    "nat64": "64:ff9b::{}",
}


def six_to_four(address: IPv4Address) -> str:
    digits = f"{int(address):08x}"
    return f"2002:{digits[:4]}:{digits[4:]}::1"


def forms(address: str) -> list[str]:
    """The spellings that C libraries and browsers take for an IPv4 address."""
    number = int(IPv4Address(address))
    one, two, three, four = IPv4Address(address).packed
    return [
        str(number),
        hex(number),
        hex(number).upper(),
        f"0{number:o}",
        f"{one}.{number & 0xFFFFFF}",
        f"{one}.{two}.{number & 0xFFFF}",
        f"0x{one:x}.0x{two:x}.0x{three:x}.0x{four:x}",
        f"0{one:o}.0{two:o}.0{three:o}.0{four:o}",
        f"0{one:o}.{two}.0x{three:x}.{four}",
        f"000{one:o}.{two}.{three}.{four}",
        f"{address}.",
    ]


@pytest.mark.parametrize(
    ("kind", "address"),
    [(kind, address) for kind, addresses in SPECIAL.items() for address in addresses.split()],
)
def test_special_addresses_are_named_by_kind(kind: str, address: str) -> None:
    assert kind == kind_of(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_are_open(address: str) -> None:
    assert kind_of(ip_address(address)) is None
    assert OutboundRules().permits("example.org", 80, ip_address(address))


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (kind, address)
        for kind, addresses in SPECIAL.items()
        for address in addresses.split()
        if "." in address and ":" not in address and int(ip_address(address)) > 1
    ],
)
def test_an_address_inside_an_ipv6_address_is_as_special_as_outside(
    kind: str, address: str, carrier: str
) -> None:
    assert kind == kind_of(ip_address(carrier.format(address)))
    assert kind == kind_of(ip_address(six_to_four(IPv4Address(address))))


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.11.12.13", "8.8.8.8"])
def test_every_numeric_form_of_an_ipv4_address_is_read(address: str) -> None:
    assert [IPv4Address(address)] * 11 == [parse_address(form) for form in forms(address)]


@pytest.mark.parametrize(
    "text",
    [
        "example.org", "127.0.0.1.example.org", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "1..2",
        "4294967296", "0x100000000", "0xg", "08.0.0.1", ".1", "a.1", "1.a", "-1", "+1", "1_0", "①",
    ],
)  # fmt: skip
def test_other_texts_are_no_addresses(text: str) -> None:
    assert parse_address(text) is None


@given(st.ip_addresses(v=6))
def test_only_global_unicast_and_carriers_of_public_addresses_are_open(
    address: IPv6Address,
) -> None:
    if kind_of(address) is None:
        assert address.is_global or address.ipv4_mapped or address.sixtofour or nat64(address)


@given(st.ip_addresses(v=4))
def test_no_address_is_open_that_the_standard_library_calls_private(address: IPv4Address) -> None:
    assert kind_of(address) is not None or address.is_global


def nat64(address: IPv6Address) -> bool:
    return address.exploded.startswith("0064:ff9b:0000:0000:0000:0000")


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "opens"),
    [
        ("10.0.0.0/8", "10.1.2.3", 80, "10.1.2.3", True),
        ("10.0.0.0/8", "intra.example", 8080, "10.9.9.9", True),
        ("10.0.0.0/8", "11.0.0.1.example", 80, "192.168.0.1", False),
        ("10.0.0.0/8:80", "x", 80, "10.9.9.9", True),
        ("10.0.0.0/8:80", "x", 81, "10.9.9.9", False),
        ("10.0.0.5", "10.0.0.5", 9999, "10.0.0.5", True),
        ("10.0.0.5", "10.0.0.6", 80, "10.0.0.6", False),
        ("127.0.0.1:9101", "127.0.0.1", 9101, "127.0.0.1", True),
        ("127.0.0.1:9101", "127.0.0.1", 9102, "127.0.0.1", False),
        ("127.0.0.1:9101", "localhost", 9101, "127.0.0.1", True),
        ("127.0.0.1:9101", "localhost", 9101, "::1", False),
        ("127.0.0.1:9101", "x", 9101, "::ffff:127.0.0.1", True),
        ("127.0.0.0/8", "x", 1, "64:ff9b::7f00:1", True),
        ("[::1]:9101", "::1", 9101, "::1", True),
        ("[::1]:9101", "::1", 9100, "::1", False),
        ("::1", "::1", 5, "::1", True),
        ("[::1]", "::1", 5, "::1", True),
        ("fd00::/8", "x", 80, "fd12::1", True),
        ("localhost", "localhost", 1234, "127.0.0.1", True),
        ("localhost", "other", 1234, "127.0.0.1", False),
        ("LocalHost:1234", "localhost", 1234, "::1", True),
        ("localhost:1234", "localhost", 1235, "127.0.0.1", False),
        ("db.internal.", "db.internal", 5432, "10.0.0.9", True),
        ("db.internal", "sub.db.internal", 5432, "10.0.0.9", False),
        ("my_service:80", "my_service", 80, "172.18.0.2", True),
        ("0.0.0.0/0", "x", 80, "127.0.0.1", True),
    ],
)  # fmt: skip
def test_an_entry_opens_what_it_names(
    entry: str, host: str, port: int, address: str, opens: bool
) -> None:
    assert opens == OutboundRules.parse([entry]).permits(host, port, ip_address(address))


@pytest.mark.parametrize(
    "entry",
    ["", " ", "http://10.0.0.1", "10.0.0.0/33", "a/b", "host:0", "host:65536", "host:http",
     "*.example.org", "ho st", "user@host", "-x", "[::1", "::1]", "10.0.0.0/8:0"],
)  # fmt: skip
def test_an_entry_that_means_nothing_is_refused_by_name(entry: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(entry))):
        OutboundRules.parse(["10.0.0.0/8", entry])


def test_a_network_with_host_bits_is_refused_with_the_network_that_was_meant() -> None:
    with pytest.raises(ValueError, match=r'"10\.0\.0\.0/8" would be one'):
        OutboundRules.parse(["10.1.2.3/8"])


@pytest.mark.parametrize(
    ("host", "port", "address", "message"),
    [
        (
            "127.0.0.1", 9101, "127.0.0.1",
            'Refused to connect to 127.0.0.1:9101 (loopback address). To allow it add '
            '"127.0.0.1:9101" to http_request.allow in config.yaml.',
        ),
        (
            "::1", 80, "::1",
            'Refused to connect to [::1]:80 (loopback address). To allow it add "[::1]:80" to '
            "http_request.allow in config.yaml.",
        ),
        (
            "db.internal", 443, "10.0.0.9",
            "Refused to connect to db.internal:443 (private address behind the name). To allow it "
            'add "db.internal:443" to http_request.allow in config.yaml.',
        ),
    ],
)  # fmt: skip
def test_a_refusal_names_the_rule_and_the_entry_that_would_help(
    host: str, port: int, address: str, message: str
) -> None:
    with pytest.raises(OutboundRefused) as refused:
        OutboundRules().check(host, port, [ip_address(address)])
    assert message == str(refused.value)
    entry = re.findall(r'"([^"]*)"', message)[0]
    assert OutboundRules.parse([entry]).permits(host, port, ip_address(address))


def test_only_permitted_addresses_of_a_name_are_left() -> None:
    addresses = [ip_address(text) for text in ("10.0.0.1", "8.8.8.8", "::1", "1.1.1.1")]
    assert [addresses[1], addresses[3]] == OutboundRules().check("x", 80, addresses)


def test_a_name_without_addresses_is_no_refusal() -> None:
    assert [] == OutboundRules().check("x", 80, [])
