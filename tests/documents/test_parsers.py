"""What each format's text looks like. The parsers run in this process here; `test_reader` runs them
where they belong."""

from base64 import b64encode

import pytest

from graphmill.documents.child import PARSERS, main
from graphmill.documents.kinds import Kind
from tests.documents import made

LETTER = "A letter\nFirst paragraph with bold text.\nGrüße aus Köln — “quoted”, 東京\n"
LETTER_END = "After the table, see a link."
LETTER_WITH_TABLE = f"{LETTER}| Name | Qty |\n| --- | --- |\n| Pen | 2 |\n\n{LETTER_END}"
SHEET = (
    "| Item | Count | Unnamed: 2 | Since |\n| ---- | ----- | ---------- | ----- |\n"
    "| Pen blue | 2 | 1.5 | 2024-01-02 00:00:00 |\n| Köln | nan | True | nan |\n\n"
    "| Only |\n| ---- |\n\n"
)
MAIL = """\
Subject: not shown
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=M

--M
Content-Type: multipart/alternative; boundary=A

--A
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe
--A
Content-Type: text/html

<p>not <b>this</b></p>
--A--
--M
Content-Type: text/plain; charset=no-such-charset

and more
--M
Content-Type: text/plain
Content-Disposition: attachment; filename=a.txt

attached
--M--
"""


def parsed(kind: Kind, content: bytes) -> dict[str, str]:
    return main(kind, b64encode(content).decode())


def test_every_kind_has_a_parser() -> None:
    assert set(Kind) == set(PARSERS)


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        pytest.param(Kind.PDF, made.sample("page.pdf"), "Grüße aus Köln", id="pdf"),
        pytest.param(
            Kind.PDF, made.pdf(2, 2), "one line of text\r\none line of text" * 2, id="pdf pages"
        ),
        pytest.param(Kind.DOCX, made.sample("letter.docx"), LETTER_WITH_TABLE, id="docx"),
        pytest.param(
            Kind.DOC,
            made.sample("letter.doc"),
            f"{LETTER}Name\tQty\nPen\t2\n{LETTER_END}",
            id="doc",
        ),
        pytest.param(Kind.ODT, made.sample("letter.odt"), LETTER_WITH_TABLE, id="odt"),
        pytest.param(
            Kind.EPUB,
            made.sample("letter.epub"),
            f"{LETTER}Name\nQty\nPen\n2\n{LETTER_END}",
            id="epub",
        ),
        pytest.param(Kind.EXCEL, made.sample("sheet.xlsx"), SHEET, id="xlsx"),
        pytest.param(Kind.EXCEL, made.sample("sheet.xls"), SHEET, id="xls"),
        pytest.param(
            Kind.PPTX,
            made.slides(),
            "Plans\nFirst point\nZweiter Punkt ü\n"
            "| Name | Qty |\n| --- | --- |\n| Pen | 2 |\n\nA box 東京",
            id="pptx",
        ),
        pytest.param(
            Kind.PPT,
            made.sample("slides.ppt"),
            "Plans\nFirst point\nZweiter Punkt ü\nA box 東京",
            id="ppt",
        ),
        pytest.param(Kind.EML, MAIL.encode(), "Grüße\nand more", id="eml"),
        pytest.param(
            Kind.EML,
            b"Content-Type: text/html\n\n<head><title>T</title></head>one <b>b</b><p>two<br/>three",
            "one b\ntwo\nthree",
            id="eml of HTML alone",
        ),
        pytest.param(Kind.MSG, made.message(["Grüße", "東京"]), "Grüße\n東京", id="msg"),
        pytest.param(
            Kind.MSG, made.ole("__substg1.0_1000001E", b"plain"), "plain", id="msg of one-byte text"
        ),
        pytest.param(
            Kind.MSG, made.ole("__substg1.0_10130102", b"<p>a</p><p>b"), "a\nb", id="msg of HTML"
        ),
    ],
)
def test_documents_become_text(kind: Kind, content: bytes, expected: str) -> None:
    assert {"text": expected} == parsed(kind, content)


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        (Kind.TEXT, "<p>tags stay</p>\r\n", "<p>tags stay</p>\r\n"),
        (Kind.TEXT, "", ""),
        (Kind.JSON, '{"b":1,"a":["ü"]}', '{\n  "b": 1,\n  "a": [\n    "ü"\n  ]\n}'),
        (Kind.YAML, "b: ü\na: [x]\n---\n{k: v}", "b: ü\na:\n- x\n---\nk: v\n"),
        (Kind.YAML, "a: &x [1]\nb: *x", "a: &id001\n- 1\nb: *id001\n"),
        (Kind.CSV, 'a,"b\nc"\r\n1,"2,3"\r\n', "| a | b c |\n| - | --- |\n| 1 | 2,3 |\n"),
        (Kind.CSV, "", ""),
        (Kind.PROPERTIES, "# c\n! d\n\na=b:c\nk : v\nx", "# c\n! d\n\na: b:c\nk: v\nx: "),
        (
            Kind.VTT,
            "WEBVTT\r\n\r\nNOTE no cue\r\n\r\n"
            "1\r\n00:00.000 --> 00:02.000\r\n<v Ann>Hello\r\nthere\r\n\r\n"
            "00:02.000 --> 00:04.000\r\n<v.loud Ann>How are <i>you</i>?\r\n\r\n"
            "00:04.000 --> 00:05.000\r\n<v Bob>Fine &amp; well</v>\r\n\r\n"
            "00:05.000 --> 00:06.000\r\n(noise)",
            'Ann "Hello there How are you?"\nBob "Fine & well"\n"(noise)"',
        ),
    ],
)
def test_texts_take_the_form_that_dify_gives_them(kind: Kind, content: str, expected: str) -> None:
    assert {"text": expected} == parsed(kind, content.encode())


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße 東京", "utf-8"),
        ("Grüße 東京", "utf-16"),
        ("Grüße 東京", "utf-32"),
        ("Grüße", "latin-1"),
        ("Preis: 5 €, „Zitat“ und Größe", "cp1252"),
        ("Grüße aus Köln\n" * 30_000, "latin-1"),
        ("这是一个中文文档,用来测试编码检测的功能。今天天气很好,我们去公园散步吧。", "gb18030"),
        ("これは日本語の文書です。文字コードの検出をテストします。", "shift_jis"),
        ("Это русский текст в кодировке для проверки.", "cp1251"),
    ],
    ids=lambda value: value[:12],
)
def test_the_charset_of_texts_is_found(text: str, encoding: str) -> None:
    assert {"text": text} == parsed(Kind.TEXT, text.encode(encoding))


def test_a_byte_order_mark_is_no_text() -> None:
    assert {"text": "hi"} == parsed(Kind.TEXT, "\ufeffhi".encode())


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        pytest.param(Kind.JSON, b"{", "Failed to decode or parse JSON file: Expecting", id="json"),
        pytest.param(
            Kind.JSON, b"[" * 1_000_000, "JSON file: it is nested too deeply", id="deep json"
        ),
        pytest.param(Kind.YAML, b"a: [", "Failed to decode or parse YAML file: while", id="yaml"),
        pytest.param(
            Kind.YAML,
            b"!!python/object/apply:os.getpid []",
            "YAML file: could not determine a constructor",
            id="yaml that calls",
        ),
        pytest.param(
            Kind.PDF, made.sample("encrypted.pdf"), "Incorrect password", id="encrypted pdf"
        ),
        pytest.param(Kind.PDF, made.sample("page.pdf")[:3000], "Data format error", id="cut pdf"),
        pytest.param(Kind.PDF, b"", "Failed to extract text from PDF: ", id="empty pdf"),
        pytest.param(Kind.DOCX, b"no archive", "DOCX: File is not a zip file", id="text as docx"),
        pytest.param(
            Kind.DOCX,
            made.sample("letter.doc"),
            "DOCX: The file is encrypted, or of a format before Office 2007.",
            id="doc as docx",
        ),
        pytest.param(
            Kind.DOCX,
            made.with_part(
                "letter.docx", "word/document.xml", made.BILLION_LAUGHS + made.WORD % "&j;"
            ),
            "DOCX: Maximum entity amplification factor exceeded",
            id="billion laughs in docx",
        ),
        pytest.param(
            Kind.DOCX,
            made.slides(),
            "DOCX: The file is broken, or of another format than its name says.",
            id="pptx as docx",
        ),
        pytest.param(
            Kind.PPTX,
            made.sample("letter.docx"),
            "PPTX: The file is broken, or of another format than its name says.",
            id="docx as pptx",
        ),
        pytest.param(Kind.PPTX, b"", "PPTX: File is not a zip file", id="empty pptx"),
        pytest.param(Kind.DOC, b"{\\rtf1}", "DOC: The file has another format", id="rtf as doc"),
        pytest.param(
            Kind.DOC,
            made.sample("letter.doc")[:5000],
            "Failed to extract text from DOC",
            id="cut doc",
        ),
        pytest.param(
            Kind.DOC,
            made.ole("WordDocument", b"\xec\xa5\xc1\0".ljust(10, b"\0") + b"\0\1"),
            "DOC: The file is encrypted.",
            id="encrypted doc",
        ),
        pytest.param(
            Kind.DOC,
            made.ole("WordDocument", b"\xec\xa5\x65\0"),
            "DOC: The file is of a Word before Word 97.",
            id="doc of Word 6",
        ),
        pytest.param(
            Kind.PPT, made.message([]), "PPT: There is no 'PowerPoint Document'", id="msg as ppt"
        ),
        pytest.param(Kind.MSG, made.ole("other", b""), "MSG: There is no text", id="empty msg"),
        pytest.param(Kind.EXCEL, b"a,b\n", "Excel file: Cannot detect", id="csv as xlsx"),
        pytest.param(
            Kind.ODT,
            made.with_part(
                "letter.odt", "content.xml", made.BILLION_LAUGHS + made.OPEN_DOCUMENT % "&j;"
            ),
            "ODT: it has entities of its own, which are not read",
            id="billion laughs in odt",
        ),
        pytest.param(
            Kind.ODT,
            made.with_part(
                "letter.odt",
                "content.xml",
                made.OPEN_DOCUMENT % ("<text:span>" * 5000 + "</text:span>" * 5000),
            ),
            "ODT: it is nested too deeply",
            id="deep odt",
        ),
        pytest.param(
            Kind.EPUB,
            made.sample("letter.docx"),
            'EPUB: "There is no item named',
            id="docx as epub",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(
    kind: Kind, content: bytes, reason: str
) -> None:
    assert reason in parsed(kind, content)["refusal"]
