"""Texts with a structure of their own: JSON, YAML, CSV, Java properties."""

import csv
import io
import json
from typing import Final

import yaml

from graphmill.documents.parsers.tables import data_table
from graphmill.documents.parsers.text import decode

_COMMENTS: Final = ("#", "!")


def parse_json(content: bytes) -> str:
    return json.dumps(json.loads(decode(content)), ensure_ascii=False, indent=2)


def parse_yaml(content: bytes) -> str:
    """All its documents. Aliases stay aliases, so that none can grow."""
    documents = yaml.load_all(decode(content), Loader=yaml.CSafeLoader)
    text: str = yaml.dump_all(
        documents, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False
    )
    return text


def parse_csv(content: bytes) -> str:
    rows = [
        [cell.replace("\n", " ").replace("\r", "") for cell in row]
        for row in csv.reader(io.StringIO(decode(content), newline=""))
    ]
    return f"{data_table(rows[0], rows[1:])}\n" if rows else ""


def parse_properties(content: bytes) -> str:
    return "\n".join(map(_property, decode(content).splitlines()))


def _property(line: str) -> str:
    line = line.strip()
    if not line or line.startswith(_COMMENTS):
        return line
    separator = "=" if "=" in line else ":"
    key, _, value = line.partition(separator)
    return f"{key.strip()}: {value.strip()}"
