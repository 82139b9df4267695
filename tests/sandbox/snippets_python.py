"""Python that people and models write into code nodes; what CPython answers is right."""

PYTHON = {
    "urllib.parse": """
def main():
    from urllib.parse import urlparse, parse_qs, quote, urlencode

    u = urlparse("https://a.com/p?x=1&y=2")
    return {"v": [u.netloc, parse_qs(u.query), quote("你 好"), urlencode({"a": "b c"})]}
""",
    "inherit": """
def main():

    class A:
        def hi(self):
            return "A"

    class B(A):
        def hi(self):
            return super().hi() + "B"

    return {"v": B().hi()}
""",
    "exc-class": """
def main():

    class MyErr(Exception):
        pass

    try:
        raise MyErr("x")
    except MyErr as e:
        return {"v": str(e)}
""",
    "property": """
def main():

    class A:
        def __init__(s):
            s._x = 1

        @property
        def x(s):
            return s._x

        @staticmethod
        def st(a):
            return a * 2

        @classmethod
        def cl(c):
            return c.__name__

    return {"v": [A().x, A.st(2), A.cl()]}
""",
    "dunder": """
def main():

    class V:
        def __init__(s, a):
            s.a = a

        def __add__(s, o):
            return V(s.a + o.a)

        def __repr__(s):
            return f"V({s.a})"

        def __eq__(s, o):
            return s.a == o.a

    return {"v": [repr(V(1) + V(2)), V(1) == V(1)]}
""",
    "generator": """
def main():

    def g(n):
        for i in range(n):
            yield (i * i)

    return {"v": list(g(5))}
""",
    "yield-from": """
def main():

    def a():
        yield 1
        yield from [2, 3]

    return {"v": list(a())}
""",
    "genexp": """
def main():
    return {"v": sum((x * x for x in range(10)))}
""",
    "match": """
def main():

    def m(x):
        match x:
            case {"t": "a", "v": v}:
                return v
            case [a, b]:
                return a + b
            case _:
                return None

    return {"v": [m({"t": "a", "v": 1}), m([1, 2]), m(3)]}
""",
    "walrus": r"""
def main():
    import re

    if m := re.search("(\\d+)", "ab12"):
        return {"v": m.group(1)}
""",
    "fstring": """
def main():
    x = 3.14159
    n = "名"
    return {"v": f"{x:.2f}|{n!r:>8}|{1000000:,}|{5:03d}|x={x!r}|{255:#x}|{0.25:.1%}"}
""",
    "percent": """
def main():
    return {"v": "%s %05.2f %d %x" % ("a", 3.14159, 7, 255)}
""",
    "str-format": """
def main():
    return {"v": "{0} {name:>5} {1:,.2f}".format(1, 2345.678, name="x")}
""",
    "re-advanced": r"""
def main():
    import re

    return {
        "v": [
            re.sub("(?P<a>\\w+)@(\\w+)", lambda m: m.group("a").upper(), "foo@bar"),
            re.findall("(?<=\\d)(?=(\\d{3})+$)", "1234567"),
            re.split("[,;]\\s*", "a, b;c"),
            re.match("^\\s*#+\\s*(.*)$", "## hi", re.M).group(1),
            [m.span() for m in re.finditer("a", "banana")],
            re.sub("(?i)HELLO", "x", "Hello hello"),
        ]
    }
""",
    "re-unicode": r"""
def main():
    import re

    return {
        "v": [
            re.findall("[\\u4e00-\\u9fff]+", "a你好b世界"),
            re.findall("\\w+", "héllo 世界"),
            re.escape("a.b*c"),
            re.sub("\\s+", " ", "a\u3000b\n c"),
        ]
    }
""",
    "re-flags": r"""
def main():
    import re

    p = re.compile("(\\d+) # num\n    \\s*kg", re.X | re.I)
    return {"v": p.findall("10 KG 5kg")}
""",
    "re-backtrack": r"""
def main():
    import re

    return {
        "v": [
            re.match("(.*?)(\\d+)$", "abc123").groups(),
            re.search("(a|ab)(c|bcd)(d*)", "abcd").groups(),
            re.sub("(\\w)\\1", "<\\1>", "aabbc"),
        ]
    }
""",
    "collections": """
def main():
    from collections import Counter, defaultdict, OrderedDict, deque, namedtuple

    c = Counter("hello")
    d = defaultdict(list)
    d["a"].append(1)
    P = namedtuple("P", "x y")
    q = deque([1, 2, 3], maxlen=2)
    return {
        "v": [
            c.most_common(1),
            dict(d),
            list(OrderedDict(a=1).items()),
            list(q),
            P(1, 2).x,
            P(1, 2)._asdict(),
        ]
    }
""",
    "itertools": """
def main():
    import itertools as i

    return {
        "v": [
            list(i.chain([1], [2])),
            [(k, list(g)) for k, g in i.groupby("aab")],
            list(i.combinations([1, 2, 3], 2)),
            list(i.islice(i.count(), 3)),
            list(i.product("ab", [1])),
            list(i.accumulate([1, 2, 3])),
            list(i.zip_longest([1], [2, 3])),
        ]
    }
""",
    "functools": """
def main():
    from functools import reduce, partial, lru_cache

    @lru_cache(None)
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    return {"v": [reduce(lambda a, b: a + b, [1, 2, 3]), partial(int, base=2)("101"), fib(30)]}
""",
    "datetime": """
def main():
    from datetime import datetime, timedelta, timezone, date

    d = datetime(2024, 2, 29, 12, 30, tzinfo=timezone(timedelta(hours=8)))
    return {
        "v": [
            d.isoformat(),
            (d + timedelta(days=366)).strftime("%Y-%m-%d %H:%M:%S %A %j"),
            datetime.strptime("2024-01-02 03:04", "%Y-%m-%d %H:%M").timestamp() > 0,
            d.astimezone(timezone.utc).isoformat(),
            (date(2024, 3, 1) - date(2024, 2, 1)).days,
            datetime.fromisoformat("2024-01-01T00:00:00+00:00").weekday(),
            str(timedelta(hours=25, minutes=3)),
        ]
    }
""",
    "zoneinfo": """
def main():
    from zoneinfo import ZoneInfo
    from datetime import datetime

    return {
        "v": datetime(2024, 7, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
        .astimezone(ZoneInfo("America/New_York"))
        .isoformat()
    }
""",
    "calendar": """
def main():
    import calendar

    return {"v": [calendar.monthrange(2024, 2), calendar.isleap(2024)]}
""",
    "math": """
def main():
    import math

    return {
        "v": [
            math.ceil(1.2),
            math.sqrt(2),
            math.log10(100),
            math.isclose(0.1 + 0.2, 0.3),
            math.gcd(12, 18),
            math.comb(5, 2),
            round(2.5),
            round(1.005, 2),
        ]
    }
""",
    "statistics": """
def main():
    import statistics as s

    return {
        "v": [s.mean([1, 2, 3, 4]), s.median([1, 3, 2]), s.stdev([1, 2, 3]), s.mode([1, 1, 2])]
    }
""",
    "random-seed": """
def main():
    import random

    random.seed(42)
    return {
        "v": [
            random.randint(1, 100),
            random.choice("abc"),
            random.sample(range(10), 3),
            random.random(),
        ]
    }
""",
    "hashlib": """
def main():
    import hashlib, base64

    return {
        "v": [
            hashlib.md5(b"a").hexdigest(),
            hashlib.sha256("你".encode()).hexdigest(),
            base64.b64encode(b"hi").decode(),
        ]
    }
""",
    "hmac": """
def main():
    import hmac, hashlib

    return {"v": hmac.new(b"k", b"m", hashlib.sha256).hexdigest()}
""",
    "uuid": """
def main():
    import uuid

    return {"v": str(uuid.uuid5(uuid.NAMESPACE_DNS, "a.com"))}
""",
    "uuid4": """
def main():
    import uuid

    return {"v": len(str(uuid.uuid4()))}
""",
    "html": """
def main():
    import html

    return {"v": [html.escape("<a&b>"), html.unescape("&lt;&amp;&#39;")]}
""",
    "html.parser": """
def main():
    from html.parser import HTMLParser

    class P(HTMLParser):
        def __init__(s):
            super().__init__()
            s.d = []

        def handle_data(s, d):
            s.d.append(d)

    p = P()
    p.feed("<p>hi <b>x</b></p>")
    return {"v": p.d}
""",
    "csv": r"""
def main():
    import csv, io

    r = list(csv.DictReader(io.StringIO('a,b\n1,"x,y"')))
    w = io.StringIO()
    csv.writer(w).writerow([1, "a,b"])
    return {"v": [r, w.getvalue()]}
""",
    "xml": """
def main():
    import xml.etree.ElementTree as E

    t = E.fromstring('<a><b x="1">t</b></a>')
    return {"v": [t.find("b").text, t.find("b").attrib]}
""",
    "string": """
def main():
    import string

    return {
        "v": [
            string.ascii_letters[:3],
            string.Template("$a").substitute(a=1),
            string.punctuation[:3],
        ]
    }
""",
    "textwrap": r"""
def main():
    import textwrap

    return {
        "v": [
            textwrap.dedent("  a\n  b"),
            textwrap.wrap("aa bb cc", 5),
            textwrap.shorten("hello world foo", 10),
        ]
    }
""",
    "difflib": """
def main():
    import difflib

    return {
        "v": [
            difflib.SequenceMatcher(None, "abc", "abd").ratio(),
            difflib.get_close_matches("appel", ["apple", "x"]),
        ]
    }
""",
    "decimal": """
def main():
    from decimal import Decimal, ROUND_HALF_UP

    return {"v": str(Decimal("1.005").quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))}
""",
    "fractions": """
def main():
    from fractions import Fraction

    return {"v": str(Fraction(1, 3) + Fraction(1, 6))}
""",
    "enum": """
def main():
    from enum import Enum

    class C(Enum):
        A = 1
        B = "b"

    return {"v": [C.A.name, C("b").value, [x.name for x in C]]}
""",
    "dataclass": """
def main():
    from dataclasses import dataclass, field, asdict

    @dataclass
    class D:
        a: int
        b: list = field(default_factory=list)

    return {"v": asdict(D(1, [2]))}
""",
    "typing": """
def main():
    from typing import List, Dict, Any, Optional, Union, TypedDict

    def f(a: Optional[List[int]]) -> Dict[str, Any]:
        return {"a": a}

    return {"v": f([1])}
""",
    "copy": """
def main():
    import copy

    a = {"x": [1]}
    b = copy.deepcopy(a)
    b["x"].append(2)
    return {"v": [a, b]}
""",
    "logging": """
def main():
    import logging

    logging.basicConfig(level=logging.INFO)
    logging.getLogger(__name__).info("x")
    return {"v": 1}
""",
    "traceback": """
def main():
    import traceback

    try:
        1 / 0
    except Exception:
        return {"v": "ZeroDivisionError" in traceback.format_exc()}
""",
    "time": """
def main():
    import time

    t = time.time()
    time.sleep(0.01)
    return {"v": [time.time() > t, time.strftime("%Y", time.gmtime(0))]}
""",
    "io": """
def main():
    import io

    b = io.BytesIO(b"abc")
    return {"v": b.read(2).decode()}
""",
    "heapq": """
def main():
    import heapq

    return {"v": [heapq.nlargest(2, [3, 1, 2]), heapq.nsmallest(1, [3, 1])]}
""",
    "bisect": """
def main():
    import bisect

    return {"v": bisect.bisect([1, 3], 2)}
""",
    "operator": """
def main():
    from operator import itemgetter, attrgetter

    return {"v": sorted([{"a": 2}, {"a": 1}], key=itemgetter("a"))}
""",
    "ast.literal_eval": """
def main():
    import ast

    return {"v": ast.literal_eval("{'a':[1,(2,3)]}")["a"][0]}
""",
    "eval": """
def main():
    return {"v": eval("1+2*3")}
""",
    "exec": """
def main():
    g = {}
    exec("x=5", g)
    return {"v": g["x"]}
""",
    "struct": """
def main():
    import struct

    return {"v": list(struct.unpack("<HI", struct.pack("<HI", 1, 2)))}
""",
    "zlib": """
def main():
    import zlib

    return {"v": zlib.decompress(zlib.compress(b"a")).decode()}
""",
    "unicodedata": """
def main():
    import unicodedata

    return {"v": unicodedata.normalize("NFKC", "ＡＢ①")}
""",
    "global": """
def main():
    global G
    G = 1

    def h():
        global G
        G += 1

    h()
    return {"v": G}
""",
    "nonlocal": """
def main():
    x = 1

    def h():
        nonlocal x
        x += 1

    h()
    return {"v": x}
""",
    "with": """
def main():

    class C:
        def __enter__(s):
            return 1

        def __exit__(s, *a):
            return True

    with C() as c:
        raise ValueError
    return {"v": c}
""",
    "contextlib": """
def main():
    from contextlib import suppress, contextmanager

    @contextmanager
    def m():
        yield 1

    with suppress(KeyError):
        {}["a"]
    with m() as x:
        return {"v": x}
""",
    "decorator": """
def main():

    def d(f):

        def w(*a, **k):
            return f(*a, **k) + 1

        return w

    @d
    def g(x):
        return x

    return {"v": g(1)}
""",
    "star": """
def main():
    a, *b = [1, 2, 3]
    d = {**{"a": 1}, "b": 2}
    return {"v": [a, b, d, [*b, 4]]}
""",
    "slice": """
def main():
    s = list(range(10))
    s[2:4] = [99]
    del s[0]
    return {"v": [s[::-1], s[-3:], "abcdef"[::2]]}
""",
    "set-ops": """
def main():
    return {"v": sorted({1, 2, 3} & {2, 3, 4} | {9} ^ {9, 10})}
""",
    "sort-stable": """
def main():
    return {"v": sorted([("b", 1), ("a", 1), ("c", 0)], key=lambda t: (t[1], -ord(t[0])))}
""",
    "try-finally": """
def main():
    o = []
    try:
        try:
            raise ValueError("a") from KeyError("k")
        finally:
            o.append("f")
    except ValueError as e:
        o.append(str(e.__cause__))
    else:
        o.append("no")
    return {"v": o}
""",
    "exc-group-multi": """
def main():
    try:
        int("x")
    except (ValueError, TypeError) as e:
        return {"v": [type(e).__name__, str(e)]}
""",
    "keyerror-str": """
def main():
    try:
        {}["k"]
    except KeyError as e:
        return {"v": str(e)}
""",
    "json-opts": """
def main():
    import json

    return {
        "v": [
            json.dumps({"b": 1, "a": "你"}, sort_keys=True, indent=2),
            json.dumps([1, 2], separators=(",", ":")),
            json.loads('{"a":1e3}', parse_float=str),
        ]
    }
""",
    "json-err": """
def main():
    import json

    try:
        json.loads("{bad")
    except json.JSONDecodeError as e:
        return {"v": [e.pos, e.msg]}
""",
    "bytes": r"""
def main():
    return {
        "v": [
            "你".encode("utf-8").hex(),
            b"\xe4".decode("utf-8", "ignore"),
            bytes([1, 2]).hex(),
            "a".encode("gbk").decode(),
        ]
    }
""",
    "int-big": """
def main():
    return {"v": [2**100, -7 // 2, -7 % 3, divmod(7, -2), int("ff", 16), bin(5)]}
""",
    "float-repr": """
def main():
    return {"v": [0.1 + 0.2, 1e16, 1e-07, float("1e309") > 1, 5 / 2, 3.0]}
""",
    "isinstance": """
def main():
    return {
        "v": [
            isinstance(True, int),
            isinstance([], (list, tuple)),
            type(1).__name__,
            issubclass(bool, int),
            callable(len),
            hasattr("", "upper"),
        ]
    }
""",
    "getattr": """
def main():

    class A:
        x = 1

    a = A()
    setattr(a, "y", 2)
    return {"v": [getattr(a, "x"), getattr(a, "z", 0), vars(a), a.__dict__]}
""",
    "print-file": """
def main():
    import sys

    print("x", file=sys.stderr)
    sys.stdout.write("y")
    return {"v": 1}
""",
    "os.path": """
def main():
    import os

    return {"v": [os.path.splitext("a/b.txt"), os.path.basename("a/b"), os.path.join("a", "b")]}
""",
    "pathlib-pure": """
def main():
    from pathlib import Path, PurePosixPath

    return {"v": [Path("a/b.txt").suffix, str(PurePosixPath("a") / "b")]}
""",
    "asyncio-run": """
def main():
    import asyncio

    async def f():
        await asyncio.sleep(0)
        return 1

    return {"v": asyncio.run(f())}
""",
    "threads": """
def main():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as e:
        return {"v": list(e.map(str, [1, 2]))}
""",
    "del-lambda-cond": """
def main():
    x = [i for i in range(5) if i % 2]
    y = {k: v for k, v in zip("ab", x)}
    f = lambda *a, k=1, **kw: (a, k, kw)
    return {"v": [x, y, f(1, 2, z=3)]}
""",
    "enumerate-zip": """
def main():
    return {
        "v": [
            list(enumerate("ab", 1)),
            list(map(lambda a, b: a + b, [1], [2])),
            any([0, 1]),
            all([]),
            max([1, 3], default=0),
            min("b", "a"),
            list(filter(None, [0, 1])),
            list(reversed([1, 2])),
            sum([[1], [2]], []),
        ]
    }
""",
    "str-methods": r"""
def main():
    s = " Hello,World "
    return {
        "v": [
            s.strip().lower().split(","),
            s.partition(","),
            "a-b".rsplit("-", 1),
            "abc".zfill(5),
            "x".center(5, "*"),
            "aXbX".replace("X", "", 1),
            "abc".find("z"),
            "ab".isalnum(),
            "１２".isdigit(),
            "Ab".swapcase(),
            "a\nb".splitlines(),
            "hello world".title(),
            "abc".translate(str.maketrans("a", "z")),
            "ab".encode().hex(),
            "x".join(["a", "b"]),
            "prefix_x".removeprefix("prefix_"),
        ]
    }
""",
    "inspect-meta": """
def main():

    def f(a, b=1):
        pass

    return {"v": f.__name__}
""",
    "metaclass-abc": """
def main():
    from abc import ABC, abstractmethod

    class A(ABC):
        @abstractmethod
        def x(s): ...

    class B(A):
        def x(s):
            return 1

    return {"v": B().x()}
""",
    "regex-module-catastrophic-safe": r"""
def main():
    import re

    return {"v": re.sub("```(?:json)?\\s*([\\s\\S]*?)```", "\\1", "a```json\n{}\n```b")}
""",
    "locale": """
def main():
    import locale

    return {"v": 1}
""",
    "sys": """
def main():
    import sys

    return {"v": sys.version_info >= (3, 10)}
""",
    "pprint": """
def main():
    from pprint import pformat

    return {"v": pformat({"a": 1})}
""",
    "email": """
def main():
    from email.message import EmailMessage

    m = EmailMessage()
    m["To"] = "a@b.c"
    return {"v": m["To"]}
""",
    "array": """
def main():
    import array

    return {"v": list(array.array("i", [1, 2]))}
""",
    "secrets": """
def main():
    import secrets

    return {"v": len(secrets.token_hex(4))}
""",
    "secrets-string-gen": """
def main():
    import random, string

    return {"v": len("".join(random.choices(string.ascii_letters, k=8)))}
""",
    "ipaddress": """
def main():
    import ipaddress

    return {"v": ipaddress.ip_address("10.0.0.1").is_private}
""",
}
