"""URLs in every spelling become one host that is checked and one path that is sent."""

import re
from ipaddress import IPv6Address

import pytest

from graphmill.outbound.urls import Target


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://example.org", "http://example.org/"),
        ("HTTP://EXAMPLE.org:80/A", "http://example.org/A"),
        ("https://example.org:443", "https://example.org/"),
        ("https://example.org:80/", "https://example.org:80/"),
        ("http://example.org.:81/", "http://example.org:81/"),
        ("http://example.org/a b?c d", "http://example.org/a%20b?c%20d"),
        ("http://example.org/a%2Fb?s=%2f%3D+", "http://example.org/a%2Fb?s=%2f%3D+"),
        ("http://example.org/100%/%zz", "http://example.org/100%25/%25zz"),
        ("http://example.org/é?ü=1#part", "http://example.org/%C3%A9?%C3%BC=1"),
        ("http://example.org/a\r\nX: y", "http://example.org/aX:%20y"),
        ("http://example.org/\udcff", "http://example.org/%3F"),
        ("http://example.org/a\\b", "http://example.org/a%5Cb"),
        ("http://u:p@example.org/", "http://example.org/"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://ｅｘａｍｐｌｅ．org/", "http://example.org/"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://0x7f000001/", "http://127.0.0.1/"),
        ("http://017700000001/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://１２７.0.0.１/", "http://127.0.0.1/"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("http://①②⑦.⓪.⓪.①/", "http://127.0.0.1/"),
        ("http://127.0.0.1./", "http://127.0.0.1/"),
        ("http://[::1]:9/", "http://[::1]:9/"),
        ("http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"),
        # Pythons differ in how they write it.
        ("http://[::FFFF:127.0.0.1]/", f"http://[{IPv6Address('::ffff:7f00:1')}]/"),
        ("http://evil.example\\@127.0.0.1/", "http://127.0.0.1/"),
        ("http://evil.example@127.0.0.1/", "http://127.0.0.1/"),
        ("http://127.0.0.1?@evil.example/", "http://127.0.0.1/?@evil.example/"),
        ("http://127.0.0.1#@evil.example/", "http://127.0.0.1/"),
    ],
)  # fmt: skip
def test_a_url_has_one_form_on_the_wire(url: str, text: str) -> None:
    assert text == Target.parse(url).text


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org", "ftp://example.org", "file:///etc/passwd", "gopher://x", "http:example",
        "http://", "http:///path", "http://:80", "http://exa mple.org", "http://a:b:80/",
        "http://h:65536/", "http://h:x/", "http://[::1", "http://[fe80::1%25eth0]/", "http://[v1.x]/",
        "http://%31%32%37.0.0.1/", "http://127.0.0.1%00.example/", "http://a" + "b" * 300 + "/",
        "http://a..b\u00e9/", "http://ex<ample/", "http://ℂ℀.example/",
    ],
)  # fmt: skip
def test_what_cannot_be_requested_is_refused_with_the_url(url: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(url))):
        Target.parse(url)


def test_parameters_join_the_query_that_is_there() -> None:
    target = Target.parse("http://h/p?a=1", [("b", "x y&z"), ("b", ""), ("ü", "é")])
    assert "/p?a=1&b=x+y%26z&b=&%C3%BC=%C3%A9" == target.path


def test_credentials_are_taken_out_of_the_url() -> None:
    assert ("us@er", "p:w") == Target.parse("http://us%40er:p%3Aw@h/").credentials


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("/c", "http://h:81/c"),
        ("c?d", "http://h:81/a/c?d"),
        ("//other/x", "http://other/x"),
        ("https://h/ü", "https://h/%C3%BC"),
        ("?q", "http://h:81/a/b?q"),
    ],
)
def test_a_redirect_is_relative_to_where_it_comes_from(location: str, text: str) -> None:
    assert text == Target.parse("http://h:81/a/b").join(location).text


@pytest.mark.parametrize(
    ("source", "target", "shared"),
    [
        ("http://h/", "http://h/x", True),
        ("http://h/", "http://h:80/x", True),
        ("http://h/", "https://h/", True),
        ("https://h/", "http://h/", False),
        ("http://h/", "http://h:81/", False),
        ("http://h:81/", "https://h/", False),
        ("http://h/", "http://sub.h/", False),
        ("https://h/", "https://other/", False),
    ],
)
def test_credentials_stay_with_their_origin(source: str, target: str, shared: bool) -> None:
    assert shared == Target.parse(source).shares_credentials_with(Target.parse(target))
