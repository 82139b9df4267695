"""Values as Nextcloud writes them in XML (`nextcloud-ocs §2.5`)."""

from typing import Any

import pytest

from graphmill.api.ocs.xml import document


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"a": None}, b" <a/>"),
        ({"a": []}, b" <a/>"),
        ({"a": ""}, b" <a></a>"),
        ({"a": False}, b" <a></a>"),
        ({"a": True}, b" <a>1</a>"),
        ({"a": 0.5}, b" <a>0.5</a>"),
        ({"a": [[1]]}, b" <a>\n  <element>\n   <element>1</element>\n  </element>\n </a>"),
        ({"a": "<&\x00>"}, " <a>&lt;&amp;\N{REPLACEMENT CHARACTER}&gt;</a>".encode()),
        ({'x:"y': 1}, b' <element key="x:&quot;y">1</element>'),
        ({"1a": 1}, b' <element key="1a">1</element>'),
    ],
)
def test_values_in_xml(content: Any, expected: bytes) -> None:
    assert b'<?xml version="1.0"?>\n<r>\n' + expected + b"\n</r>\n" == document({"r": content})
