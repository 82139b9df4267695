"""The index of the words in knowledge bases (SQLite's FTS5), which the database keeps right by
itself."""

from typing import Final

from sqlalchemy import text

DDL: Final = (
    "CREATE VIRTUAL TABLE knowledge_search"
    " USING fts5(words, content='knowledge_segments', content_rowid='number')",
    """CREATE TRIGGER knowledge_search_new AFTER INSERT ON knowledge_segments BEGIN
        INSERT INTO knowledge_search(rowid, words) VALUES (new.number, new.words);
    END""",
    """CREATE TRIGGER knowledge_search_gone AFTER DELETE ON knowledge_segments BEGIN
        INSERT INTO knowledge_search(knowledge_search, rowid, words)
        VALUES ('delete', old.number, old.words);
    END""",
)

WITH_WORD: Final = text("SELECT rowid FROM knowledge_search WHERE knowledge_search MATCH :word")
