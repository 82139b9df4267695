"""Keywords in the log without reading every run: an index of the groups of three characters that
occur in runs (SQLite's FTS5).

It yields candidates only; whether a run fits, the query itself says. Runs get into the index some
seconds after they began, outside the way of a run, and the newest ones are candidates until then.
The database keeps the index right when indexed runs change or go.
"""

from typing import Final

from sqlalchemy import text

BATCH: Final = 100
"""Runs indexed in one commit."""
SHORTEST: Final = 3
"""Characters of a keyword that the index can find."""
SEARCHED_CHARACTERS: Final = 32 * 1024
"""Of the inputs of a run, and of its outputs. To index a run of 100 MB would keep all others from
being stored for more than ten seconds."""

DDL: Final = (
    "CREATE VIRTUAL TABLE runs_search"
    " USING fts5(words, content='', tokenize='trigram', detail='none')",
    """CREATE TRIGGER runs_search_changed AFTER UPDATE OF inputs, outputs ON runs
    WHEN EXISTS (SELECT 1 FROM runs_search_docsize WHERE id = old.rowid) BEGIN
        INSERT INTO runs_search(runs_search, rowid, words) VALUES ('delete', old.rowid, {old});
        INSERT INTO runs_search(rowid, words) VALUES (new.rowid, {new});
    END""",
    """CREATE TRIGGER runs_search_gone AFTER DELETE ON runs
    WHEN EXISTS (SELECT 1 FROM runs_search_docsize WHERE id = old.rowid) BEGIN
        INSERT INTO runs_search(runs_search, rowid, words) VALUES ('delete', old.rowid, {old});
    END""",
)

_WORDS: Final = (
    "'§' || substr({row}.app_id, 1, 2) || '§' || substr({row}.app_id, 3, 2) || char(10)"
    " || {row}.session_id"
    f" || char(10) || substr({{row}}.inputs, 1, {SEARCHED_CHARACTERS})"
    f" || char(10) || substr({{row}}.outputs, 1, {SEARCHED_CHARACTERS})"
)
"""What is indexed of a run: two groups for its app, then all that a keyword can be part of."""
_INDEXED: Final = "(SELECT coalesce(max(id), 0) FROM runs_search_docsize)"

IS_BEHIND: Final = text(f"SELECT 1 FROM runs WHERE rowid > {_INDEXED} LIMIT 1")
INDEX_NEXT: Final = text(
    f"INSERT INTO runs_search(rowid, words) SELECT rowid, {_WORDS.format(row='runs')} FROM runs"
    f" WHERE rowid > {_INDEXED} ORDER BY rowid LIMIT {BATCH}"
)

CANDIDATES: Final = text(
    "runs.rowid IN (SELECT rowid FROM runs_search WHERE runs_search MATCH :match"
    f" UNION ALL SELECT rowid FROM runs WHERE rowid > {_INDEXED}"
    " UNION ALL SELECT rowid FROM runs WHERE id = :run_id)"
)
COUNT_CANDIDATES: Final = text(
    "SELECT count(*) FROM"
    " (SELECT rowid FROM runs_search WHERE runs_search MATCH :match LIMIT :most)"
)


def ddl() -> list[str]:
    """The statements that make the index."""
    words = {row: _WORDS.format(row=row) for row in ("old", "new")}
    return [statement.format(**words) for statement in DDL]


def match_of(app_id: str, *keywords: str) -> str | None:
    """What finds runs of that app in which one of the keywords may occur; None when they are too
    short for that, or have a NUL, which would end the query."""
    if any(len(keyword) < SHORTEST or "\0" in keyword for keyword in keywords):
        return None
    app = _all_of([f"§{app_id[:2]}", f"§{app_id[2:4]}"])
    groups = (
        _all_of([keyword[i : i + SHORTEST] for i in range(len(keyword) - SHORTEST + 1)])
        for keyword in dict.fromkeys(keywords)
    )
    return f"{app} AND ({' OR '.join(groups)})"


def _all_of(groups: list[str]) -> str:
    quoted = (group.replace('"', '""') for group in groups)
    return "(" + " AND ".join(f'"{group}"' for group in quoted) + ")"
