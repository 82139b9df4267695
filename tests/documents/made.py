"""Documents that tests make themselves; those in `data` are LibreOffice's."""

import gzip
import io
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pptx
from pptx.util import Inches

DATA = Path(__file__).parent / "data"

WORD = (
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    "<w:body><w:p><w:r><w:t>%s</w:t></w:r></w:p></w:body></w:document>"
)
OPEN_DOCUMENT = (
    "<office:document-content"
    ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
    "<office:body><office:text>%s</office:text></office:body></office:document-content>"
)
SPARSE_SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row r="1"><c r="A1"><v>1</v></c></row>'
    '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>'
)
BILLION_LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "lol">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
)


def sample(name: str) -> bytes:
    path = DATA / name
    if path.exists():
        return path.read_bytes()
    return gzip.decompress((DATA / f"{name}.gz").read_bytes())


def with_part(name: str, part: str, content: str) -> bytes:
    """A sample that is an archive, one part of it replaced."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(sample(name))) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for each in source.namelist():
            archive.writestr(each, content if each == part else source.read(each))
    return target.getvalue()


def pdf(pages: int, lines: int = 1) -> bytes:
    """All pages show the same lines."""
    text = "BT /F1 9 Tf 12 TL 20 700 Td " + "(one line of text) Tj T* " * lines + "ET"
    first = 5
    kids = " ".join(f"{first + page} 0 R" for page in range(pages))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
    ]
    page = (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
        "/Resources << /Font << /F1 3 0 R >> >> >>"
    )
    body, places = io.BytesIO(), []
    # The second line shows that this is no text.
    body.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    for number, each in enumerate([*objects, *[page] * pages], 1):
        places.append(body.tell())
        body.write(f"{number} 0 obj\n{each}\nendobj\n".encode())
    start, count = body.tell(), len(places) + 1
    body.write(f"xref\n0 {count}\n0000000000 65535 f \n".encode())
    body.write("".join(f"{place:010} 00000 n \n" for place in places).encode())
    body.write(f"trailer << /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF".encode())
    return body.getvalue()


def slides() -> bytes:
    """Two slides: an outline with a note; a table above a box, drawn in the other order."""
    presentation = pptx.Presentation()
    outline = presentation.slides.add_slide(presentation.slide_layouts[1])
    outline.shapes.title.text = "Plans"
    outline.placeholders[1].text = "First point\nZweiter Punkt ü"
    outline.notes_slide.notes_text_frame.text = "only for the speaker"
    second = presentation.slides.add_slide(presentation.slide_layouts[6]).shapes
    group = second.add_group_shape()
    box = group.shapes.add_textbox(Inches(1), Inches(5), Inches(4), Inches(1))
    box.text_frame.text = "A box 東京"
    table = second.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for row, texts in enumerate([("Name", "Qty"), ("Pen", "2")]):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    content = io.BytesIO()
    presentation.save(content)
    return content.getvalue()


def ole(stream: str, content: bytes) -> bytes:
    """A compound file ([MS-CFB]) with one stream, filled up with spaces to the size from which
    streams have sectors of their own."""
    sector, end, free = 512, 0xFFFFFFFE, 0xFFFFFFFF
    content = content.ljust(max(4096, -(-len(content) // sector) * sector), b" ")
    count = len(content) // sector
    header = struct.pack(
        "<8s16x5H6x9I",
        bytes.fromhex("D0CF11E0A1B11AE1"),
        *(0x3E, 3, 0xFFFE, 9, 6),
        *(0, 1, 1, 0, 4096, end, 0, end, 0),
    )
    header += struct.pack("<109I", 0, *[free] * 108)
    fat = [0xFFFFFFFD, end, *range(3, count + 2), end]
    entries = [_entry("Root Entry", 5, child=1, start=end), _entry(stream, 2, 0, 2, len(content))]
    return b"".join([
        header,
        struct.pack("<128I", *fat, *[free] * (128 - len(fat))),
        b"".join(entries).ljust(sector, b"\0"),
        content,
    ])  # fmt: skip


def _entry(name: str, kind: int, child: int = 0, start: int = 0, size: int = 0) -> bytes:
    nobody = 0xFFFFFFFF
    encoded = f"{name}\0".encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII36xIQ",
        encoded,
        len(encoded),
        kind,
        1,
        nobody,
        nobody,
        child or nobody,
        start,
        size,
    )


def message(lines: Sequence[str]) -> bytes:
    """As Outlook keeps it."""
    return ole("__substg1.0_1000001F", "\r\n".join(lines).ljust(2048).encode("utf-16-le"))
