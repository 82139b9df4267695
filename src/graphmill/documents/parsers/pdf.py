"""PDF, with PDFium."""

# It has no types.
import pypdfium2  # type: ignore[import-untyped]


def parse_pdf(content: bytes) -> str:
    """The texts of its pages, one after the other."""
    texts = []
    with pypdfium2.PdfDocument(content) as document:
        for page in document:
            text_page = page.get_textpage()
            texts.append(text_page.get_text_range())
            # Pages hold memory that only PDFium sees.
            text_page.close()
            page.close()
    return "".join(texts)
