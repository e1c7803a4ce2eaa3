"""Signed packs: what was signed is imported, and nothing else that says it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from secwatch.core.errors import Refused, UnreadableInput
from secwatch.trust import signatures
from tests.conftest import Run

FILES = {"a.yar": b"rule a { condition: true }", "LICENSE": b"words"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A directory that trusts the key beside it."""
    public = signatures.new_key(tmp_path / "city.key")
    (tmp_path / "signers").mkdir()
    shutil.copy(public, tmp_path / "signers" / "city.pub")
    return tmp_path / "signers"


def _signed(keys: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    manifest = signatures.manifest_of(files, "1", "MIT", "A. Writer")
    signature = signatures.sign(manifest, keys.parent / "city.key")
    return {**files, signatures.MANIFEST: manifest, signatures.SIGNATURE: signature}


def test_what_was_signed_holds(keys: Path) -> None:
    signer, manifest = signatures.check(_signed(keys, FILES), keys)
    assert signer == "city"
    assert manifest is not None
    assert (manifest.version, manifest.licence, manifest.author) == ("1", "MIT", "A. Writer")
    assert signatures.check(FILES, keys) == ("", None)
    assert (keys.parent / "city.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"a.yar": b"rule a { condition: false }"}, "another"),
        ({"b.yar": b"rule b { condition: true }"}, "not signed"),
        ({"LICENSE": None}, "missing"),
        ({signatures.SIGNATURE: None}, "only one"),
        ({signatures.MANIFEST: None}, "only one"),
        ({signatures.SIGNATURE: b"?"}, "Base64"),
        ({signatures.SIGNATURE: b"AAAA"}, "no key"),
        ({signatures.MANIFEST: b"{}"}, "no key"),
    ],
)
def test_whatever_is_changed_is_refused(change: dict[str, bytes | None], word: str, keys: Path) -> None:
    changed = {**_signed(keys, FILES), **change}
    with pytest.raises(Refused, match=word):
        signatures.check({name: content for name, content in changed.items() if content is not None}, keys)


def test_only_trusted_keys_count_and_a_spoilt_one_is_said(keys: Path, tmp_path: Path) -> None:
    pack = _signed(keys, FILES)
    with pytest.raises(Refused, match="no key"):
        signatures.check(pack, tmp_path / "none")
    (keys / "a.pub").write_text("words")
    with pytest.raises(UnreadableInput, match=r"a\.pub"):
        signatures.check(pack, keys)
    with pytest.raises(Refused, match="already"):
        signatures.new_key(tmp_path / "city.key")
    with pytest.raises(UnreadableInput, match="private key"):
        signatures.sign(b"", keys / "a.pub")


def test_a_signed_pack_is_imported_and_stays_signed(
    secwatch: Callable[..., Run], workspace: Path, tmp_path: Path
) -> None:
    def run(*arguments: object) -> Run:
        return secwatch("-w", workspace, *map(str, arguments))

    pack, key = tmp_path / "pack", tmp_path / "city.key"
    pack.mkdir()
    (pack / "a.yar").write_bytes(FILES["a.yar"])
    assert run("rules", "new-key", key).code == 0
    assert run("rules", "sign", pack, "--key", key, "--licence", "MIT", "--author", "City").code == 0
    assert run("rules", "import", pack).code == 16
    (workspace / "signers").mkdir()
    shutil.copy(f"{key}.pub", workspace / "signers" / "city.pub")
    (pack / "a.yar").write_text("rule a { this would not even compile")
    changed = run("rules", "import", pack)
    assert changed.code == 16
    assert "is another" in changed.stderr
    (pack / "a.yar").write_bytes(FILES["a.yar"])
    made = run("rules", "import", pack, "--json")
    assert (made.code, made.json["signer"], made.json["licence"], made.json["author"]) == (0, "city", "MIT", "City")
    for name in (signatures.MANIFEST, signatures.SIGNATURE):
        (pack / name).unlink()
    assert run("rules", "update", "pack").code == 16
    settings = workspace / "secwatch.toml"
    settings.write_text(settings.read_text().replace("signed_packs_only = false", "signed_packs_only = true"))
    refused = run("rules", "import", pack, "--name", "other")
    assert refused.code == 16
    assert "not signed" in refused.stderr
