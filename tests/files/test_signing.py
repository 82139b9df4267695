"""Signed links: what they are good for, and for how long."""

import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from graphmill.errors import SignatureInvalid
from graphmill.files.signing import UrlSigner, load_key

NOW = 1_760_000_000.0


def signer(now: float = NOW, key: bytes = b"k" * 32) -> UrlSigner:
    return UrlSigner(key, "https://host/", clock=lambda: now)


def parts_of(url: str) -> dict[str, str]:
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return {
        "timestamp": query["timestamp"],
        "nonce": query["nonce"],
        "signature": query["sign"],
    }


@pytest.mark.parametrize(
    ("kind", "suffix", "path"),
    [
        pytest.param("file-preview", "", "/files/f1/file-preview", id="upload"),
        pytest.param("image-preview", "", "/files/f1/image-preview", id="legacy image"),
        pytest.param("tools", ".png", "/files/tools/f1.png", id="generated file"),
    ],
)
def test_a_link_names_the_file_by_kind(kind: str, suffix: str, path: str) -> None:
    url = signer().sign(kind, "f1", suffix=suffix)
    assert path == urlsplit(url).path
    assert url.startswith("https://host/files/")
    signer().verify(kind, "f1", **parts_of(url))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"signature": "AAAA"}, id="signature"),
        pytest.param({"signature": ""}, id="no signature"),
        pytest.param({"signature": "é\ud800"}, id="no text at all"),
        pytest.param({"timestamp": str(int(NOW) + 1)}, id="timestamp"),
        pytest.param({"timestamp": "soon"}, id="timestamp that is no number"),
        pytest.param({"nonce": "0" * 32}, id="nonce"),
    ],
)
def test_a_changed_link_is_refused(change: dict[str, str]) -> None:
    parts = parts_of(signer().sign("file-preview", "f1")) | change
    with pytest.raises(SignatureInvalid):
        signer().verify("file-preview", "f1", **parts)


def test_a_link_is_good_for_its_own_file_kind_and_key_only() -> None:
    parts = parts_of(signer().sign("file-preview", "f1"))
    with pytest.raises(SignatureInvalid):
        signer().verify("file-preview", "f2", **parts)
    with pytest.raises(SignatureInvalid):
        signer().verify("image-preview", "f1", **parts)
    with pytest.raises(SignatureInvalid):
        signer(key=b"x" * 32).verify("file-preview", "f1", **parts)


@pytest.mark.parametrize(
    ("age", "good"),
    [(0, True), (300, True), (301, False), (-60, True), (-61, False)],
)
def test_a_link_expires(age: int, good: bool) -> None:
    parts = parts_of(signer().sign("file-preview", "f1"))
    late = signer(NOW + age)
    if good:
        late.verify("file-preview", "f1", **parts)
    else:
        with pytest.raises(SignatureInvalid):
            late.verify("file-preview", "f1", **parts)


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret.key"
    key = load_key(path)
    assert key == load_key(path)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path] == list(path.parent.iterdir())
