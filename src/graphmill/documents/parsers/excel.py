"""Spreadsheets: .xlsx and .xls."""

import datetime
from collections.abc import Sequence
from io import BytesIO
from typing import Final

from python_calamine import CalamineWorkbook, SheetTypeEnum

from graphmill.documents.parsers.tables import data_table

_NOTHING: Final = ("", None)


def parse_excel(content: bytes) -> str:
    """A table for each sheet that has cells; its first row is the header."""
    workbook = CalamineWorkbook.from_filelike(BytesIO(content))
    sheets = (
        workbook.get_sheet_by_name(sheet.name).to_python()
        for sheet in workbook.sheets_metadata
        if sheet.typ is SheetTypeEnum.WorkSheet
    )
    return "".join(f"{_table(rows)}\n\n" for rows in sheets if rows)


def _table(rows: Sequence[Sequence[object]]) -> str:
    header = [
        f"Unnamed: {at}" if cell in _NOTHING else _shown(cell) for at, cell in enumerate(rows[0])
    ]
    filled = (row for row in rows[1:] if any(cell not in _NOTHING for cell in row))
    return data_table(header, ([_shown(cell) for cell in row] for row in filled))


def _shown(cell: object) -> str:
    """As pandas prints cells, which is how Dify reads them."""
    match cell:
        case "" | None:
            return "nan"
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime.date() if not isinstance(cell, datetime.datetime):
            return f"{cell} 00:00:00"
        case _:
            return " ".join(str(cell).splitlines())
