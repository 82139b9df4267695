"""Tables as Markdown, in the two forms that Dify gives them."""

from collections.abc import Iterable, Sequence


def row_of(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def data_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Of spreadsheets and CSV: the line below the header is as long as its cells."""
    lines = (header, ["-" * len(cell) for cell in header], *rows)
    return "\n".join(map(row_of, lines))


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Of documents; line breaks in cells become `<br>`. Empty for a table without any text."""
    if not any(cell.strip() for row in rows for cell in row):
        return ""
    header, *others = [[cell.replace("\n", "<br>") for cell in row] for row in rows]
    lines = (header, ["---"] * len(header), *others)
    return "".join(f"{row_of(line)}\n" for line in lines)
