"""What a release needs is named where it is missing."""

from pathlib import Path

from tests.release.ready import missing


def made(root: Path, *, changelog: str, citation: str) -> Path:
    (root / "docs/release-notes").mkdir(parents=True)
    (root / "docs/release-notes/1.2.3.md").write_text("# 1.2.3\n")
    (root / "tests/storage/old_models/1.2.3").mkdir(parents=True)
    (root / "tests/storage/old_models/1.2.3/one.convae").touch()
    (root / "CHANGELOG.md").write_text(changelog)
    (root / "CITATION.cff").write_text(citation)
    return root


def test_a_release_that_has_everything(tmp_path: Path) -> None:
    citation = "title: convae\nversion: 1.2.3\ndate-released: 2030-01-02\n"
    root = made(tmp_path, changelog="# Changelog\n\n## 1.2.3 - 2030-01-02\n", citation=citation)
    assert missing(root, "1.2.3") == []


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    root = made(tmp_path, changelog="## Unreleased\n", citation="version: 1.2.3\n")
    files = [fault.partition(":")[0] for fault in missing(root, "1.2.4")]
    assert files == [
        "CHANGELOG.md",
        "CITATION.cff",
        "CITATION.cff",
        "docs/release-notes/1.2.4.md",
        "tests/storage/old_models/1.2.4",
    ]
