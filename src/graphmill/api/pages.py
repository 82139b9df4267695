"""Pages for people: whole HTML documents that load nothing from elsewhere and run nothing."""

from html import escape
from typing import Final

from graphmill.api.answers import BytesAnswer

_HEADERS: Final = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; "
        b"frame-ancestors 'none'; base-uri 'none'",
    ),
)
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:{width};margin:3em auto;padding:0 1em}}
*{{box-sizing:border-box}}
input,button,select,textarea{{display:block;width:100%;font:inherit;padding:.5em;margin:.5em 0}}
textarea{{min-height:6em}}
img,table{{max-width:100%}} pre{{overflow-x:auto;white-space:pre-wrap}}
td,th{{border:1px solid #8886;padding:.2em .6em}} table{{border-collapse:collapse}}
.actions{{display:flex;flex-wrap:wrap;gap:.5em}} .actions button{{width:auto;cursor:pointer}}
.primary{{background:#155eef;color:#fff;border:0;border-radius:.3em}}
.accent{{background:#067647;color:#fff;border:0;border-radius:.3em}}
.ghost{{background:none;border:0;text-decoration:underline}}
.notice{{font-weight:bold}} .aside{{opacity:.7;font-size:smaller}}
</style></head><body>{body}</body></html>
"""


def html_page(title: str, body: str, *, status: int = 200, width: str = "22em") -> BytesAnswer:
    """`body` is HTML, `title` a text."""
    html = _PAGE.format(title=escape(title), body=body, width=width)
    return BytesAnswer(html.encode(), status=status, headers=_HEADERS)
