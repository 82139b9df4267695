"""What strangers' code can import: loaded before the walls go up, for no file can be read behind
them."""

import contextlib
import importlib
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence

# fmt: off
_STANDARD = """
    abc argparse array ast asyncio asyncio.runners base64 binascii bisect bz2 calendar cmath cmd
    code codecs collections collections.abc colorsys concurrent.futures concurrent.futures.process
    concurrent.futures.thread configparser contextlib contextvars copy cProfile csv ctypes
    dataclasses datetime decimal difflib dis doctest email email.header email.message
    email.mime.multipart email.mime.text email.utils encodings.ascii encodings.base64_codec
    encodings.big5 encodings.cp1252 encodings.cp437 encodings.cp932 encodings.euc_jp
    encodings.euc_kr encodings.gb18030 encodings.gb2312 encodings.gbk encodings.hex_codec
    encodings.idna encodings.latin_1 encodings.punycode encodings.rot_13 encodings.shift_jis
    encodings.unicode_escape encodings.utf_16 encodings.utf_16_be encodings.utf_16_le
    encodings.utf_32 encodings.utf_8 encodings.utf_8_sig enum errno faulthandler filecmp fileinput
    fnmatch fractions ftplib functools gc getopt gettext glob graphlib gzip hashlib heapq hmac html
    html.entities html.parser http.client http.cookiejar http.cookies imaplib imghdr
    importlib.metadata importlib.resources inspect io ipaddress itertools json json.tool keyword
    linecache locale logging lzma mailbox math mimetypes mmap netrc ntpath numbers opcode operator
    optparse os pathlib pickle pkgutil platform plistlib poplib posixpath pprint queue quopri random
    re reprlib resource rlcompleter runpy sched secrets select shelve shlex shutil signal smtplib
    sndhdr socket sqlite3 ssl stat statistics string stringprep struct subprocess symtable sysconfig
    tarfile tempfile textwrap threading time timeit token tokenize tomllib trace traceback
    tracemalloc types typing unicodedata unittest unittest.mock urllib.error urllib.parse
    urllib.request urllib.robotparser uu uuid warnings wave weakref webbrowser xml.dom.minidom
    xml.etree.ElementTree xml.sax xmlrpc.client zipfile zlib zoneinfo _posixsubprocess _strptime
""".split()
# fmt: on
# Newer Pythons have lost some.
STANDARD = [name for name in _STANDARD if name.partition(".")[0] in sys.stdlib_module_names]
LIBRARIES = ("_quickjs", "jinja2", "jinja2.sandbox", "jinja2.debug", "jinja2.constants")
"""From the server's own environment. Jinja2 imports two of them only when something happens."""


def load(names: Iterable[str], folders: Sequence[str] = ()) -> list[str]:
    """Import modules, looking into `folders` first and only now; the names that are not there."""
    missing = []
    with _looking_into(folders), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            try:
                importlib.import_module(name)
            except ImportError:
                missing.append(name)
    return missing


def load_time_zones(folders: Sequence[str]) -> list[object]:
    """Every zone at once: later no file can be read. Keep them, for the module itself only holds a
    few. A host without zones has those of the package tzdata, in one of `folders`."""
    zoneinfo = importlib.import_module("zoneinfo")
    zones: list[object] = []
    with _looking_into(folders):
        for name in zoneinfo.available_timezones():
            with contextlib.suppress(Exception):
                zones.append(zoneinfo.ZoneInfo(name))
    return zones


@contextlib.contextmanager
def _looking_into(folders: Sequence[str]) -> Iterator[None]:
    sys.path[:0] = folders
    try:
        yield
    finally:
        del sys.path[: len(folders)]
        sys.path_importer_cache.clear()
