"""`/docs`: the same description as a page for people. It loads nothing: no script, no font, no
other server."""

import json
from collections.abc import Iterator
from functools import cache
from html import escape
from typing import Any, Final

from graphmill.api.dify.openapi import document

HEADERS: Final = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"x-content-type-options", b"nosniff"),
)
_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
details { border: 1px solid #8886; border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem }
summary { cursor: pointer }
code, pre { font: 14px/1.4 ui-monospace, monospace }
pre { overflow-x: auto; background: #8881; padding: .8rem; border-radius: 6px }
table { border-collapse: collapse }
td, th { text-align: left; padding: .1rem 1rem .1rem 0; vertical-align: top }
b { display: inline-block; min-width: 4.5rem }
"""


@cache
def page() -> bytes:
    """Made when it is first asked for."""
    return "".join(_page(document())).encode()


def _page(described: dict[str, Any]) -> Iterator[str]:
    about = described["info"]
    title = f"{about['title']} {about['version']}"
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<style>{_STYLE}</style><h1>{escape(title)}</h1><p>{escape(about['description'])}</p>"
    yield "<p>Every request carries <code>Authorization: Bearer KEY</code>. "
    yield 'For programs: <a href="openapi.json">openapi.json</a>.</p>'
    for tag, operations in _by_tag(described).items():
        yield f"<h2>{escape(tag)}</h2>"
        for method, path, operation in operations:
            yield from _operation(method, path, operation)
    yield "<h2>Errors</h2><pre>"
    yield _pretty(described["components"]["schemas"]["Error"]["properties"]) + "</pre>"


def _by_tag(described: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    found: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            [tag] = operation["tags"]
            found.setdefault(tag, []).append((method.upper(), path, operation))
    return found


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<details><summary><b>{method}</b> <code>{escape(path)}</code> "
    yield f"{escape(operation['summary'])}</summary>"
    if operation["parameters"]:
        yield "<table><tr><th>parameter<th>in<th>needed<th>schema"
        for each in operation["parameters"]:
            needed = "yes" if each["required"] else ""
            yield f"<tr><td><code>{escape(each['name'])}</code><td>{each['in']}<td>{needed}"
            yield f"<td><code>{_brief(each['schema'])}</code>"
        yield "</table>"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body, <code>{media_type}</code></p><pre>{_pretty(content['schema'])}</pre>"
    for status, answer in operation["responses"].items():
        if not status.startswith("2"):
            continue
        yield f"<p>{status}</p>"
        for media_type, content in answer.get("content", {}).items():
            yield f"<p><code>{escape(media_type)}</code></p><pre>{_pretty(content['schema'])}</pre>"
    yield "</details>"


def _brief(schema: dict[str, Any]) -> str:
    shown = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return escape(json.dumps(shown))


def _pretty(content: object) -> str:
    return escape(json.dumps(content, indent=2))
