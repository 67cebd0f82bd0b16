"""A record tells whether a file is the one that it is about, and whether anybody changed it."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stream_anon.audit.custody import hash_of, program_sha256
from stream_anon.audit.sign import FIELD, load_public_key, load_signer, signer_of
from stream_anon.core.files import HashedFile
from stream_anon.errors import (
    ConfigError,
    CustodyError,
    DependencyError,
    SourceError,
    StreamAnonError,
)
from stream_anon.pipeline.verifying import verify_record

if TYPE_CHECKING:
    from collections.abc import Callable

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()


class Files:
    """An output, its original, keys, and a report about them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output, self.original = folder / "out.mp4", folder / "in.mp4"
        self.output.write_bytes(b"redacted")
        self.original.write_bytes(b"original")
        self.key, self.public = _keys(folder, "key")
        self.other, self.other_public = _keys(folder, "other")
        self.report = folder / "report.json"
        settings = {"redaction": {"method": "blur"}, "quality": 20.5}
        self.record: dict[str, Any] = {
            "stream_anon_report": 1,
            "program": {"version": "1", "sha256": program_sha256()},
            "input": {"name": "in.mp4", "sha256": HashedFile(self.original).sha256},
            "output": {"name": "out.mp4", "sha256": HashedFile(self.output).sha256},
            "settings": settings,
            "settings_sha256": hash_of(settings),
            "people_per_frame": [0, 1, 1],
        }

    def write(self, record: object) -> None:
        self.report.write_text(json.dumps(record, indent=1))

    def verify(self, **more: Path) -> list[str]:
        return verify_record(self.report, self.output, **more)

    def refused(self, kind: type[StreamAnonError], **more: Path) -> str:
        before = sorted(path.name for path in self.folder.iterdir())
        with pytest.raises(kind) as caught:
            self.verify(**more)
        assert sorted(path.name for path in self.folder.iterdir()) == before
        assert "\n" not in str(caught.value)
        return str(caught.value)


def _keys(folder: Path, name: str) -> tuple[Path, Path]:
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.public.pem"
    private.write_bytes(key.private_bytes(PEM, PKCS8, PLAIN))
    public.write_bytes(
        key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_the_right_file_is_verified(files: Files) -> None:
    files.write(files.record)
    (note,) = files.verify(original=files.original)
    assert "not signed" in note


def test_an_audit_s_record_is_verified_too(files: Files) -> None:
    record = {
        "stream_anon_audit": 1,
        "program": files.record["program"],
        "original": files.record["input"],
        "redacted": files.record["output"],
        "settings": {},
        "settings_sha256": hash_of({}),
    }
    files.write(load_signer(files.key).signed(record))
    assert files.verify(original=files.original, key=files.public) == []


@pytest.mark.parametrize("which", ["output", "original"])
def test_another_file_is_refused(files: Files, which: str) -> None:
    files.write(files.record)
    getattr(files, which).write_bytes(b"something else")
    assert which in files.refused(CustodyError, original=files.original)


def test_a_signed_report_is_verified(files: Files) -> None:
    files.write(load_signer(files.key).signed(files.record))
    assert files.verify(key=files.public) == []
    (note,) = files.verify()
    assert "signed with the key" in note


def test_the_layout_of_a_signed_report_does_not_matter(files: Files) -> None:
    signed = load_signer(files.key).signed(files.record)
    files.report.write_text(json.dumps(dict(sorted(signed.items(), reverse=True))))
    assert files.verify(key=files.public) == []


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for name in value for leaf in _leaves(value[name], (*path, name))]
    if isinstance(value, list):
        return [leaf for n, item in enumerate(value) for leaf in _leaves(item, (*path, n))]
    return [path]


def test_whatever_is_changed_in_a_signed_report_is_noticed(files: Files) -> None:
    signed = load_signer(files.key).signed(files.record)
    leaves = _leaves(signed)
    assert len(leaves) > 10
    for path in leaves:
        if path == (FIELD, "algorithm"):
            continue
        changed = copy.deepcopy(signed)
        inner = changed
        for step in path[:-1]:
            inner = inner[step]
        value = inner[path[-1]]
        inner[path[-1]] = value + "A" if isinstance(value, str) else value + 1
        assert signer_of(changed) is None, path
    for name in files.record:
        assert signer_of({k: v for k, v in signed.items() if k != name}) is None
    assert signer_of({**signed, "more": 1}) is None
    assert signer_of(signed)


def test_a_report_that_was_changed_is_refused(files: Files) -> None:
    signed = load_signer(files.key).signed(files.record)
    signed["people_per_frame"] = [0, 0, 0]
    files.write(signed)
    assert "not valid" in files.refused(CustodyError)


def test_a_report_signed_by_somebody_else_is_refused(files: Files) -> None:
    files.write(load_signer(files.other).signed(files.record))
    assert "another key" in files.refused(CustodyError, key=files.public)


def test_a_demanded_signature_that_is_missing_is_an_error(files: Files) -> None:
    files.write(files.record)
    assert "not signed" in files.refused(CustodyError, key=files.public)


class TestSeal:
    """The seal that was written with an output, and its hash in the report."""

    def sealed(self, files: Files, name: str = "out.mp4.sealed") -> Path:
        path = files.folder / name
        path.write_bytes(b"sealed")
        files.record["seal"] = {"name": name, "sha256": HashedFile(path).sha256}
        files.write(files.record)
        return path

    def test_beside_the_output_it_is_found_and_checked(self, files: Files) -> None:
        path = self.sealed(files)
        assert not any("seal" in note for note in files.verify())
        path.write_bytes(b"changed")
        assert "out.mp4.sealed is not the seal that" in files.refused(CustodyError)

    def test_elsewhere_it_is_named(self, files: Files) -> None:
        path = self.sealed(files, "elsewhere")
        assert any("not checked" in note and "--sealed" in note for note in files.verify())
        assert not any("seal" in note for note in files.verify(sealed=path))
        path.write_bytes(b"changed")
        assert "is not the seal" in files.refused(CustodyError, sealed=path)
        path.unlink()
        assert "elsewhere" in files.refused(SourceError, sealed=path)

    @pytest.mark.parametrize("seal", [None, {}, "x", {"sha256": 3}])
    def test_one_that_the_report_does_not_know_is_not_verified(
        self, files: Files, seal: object
    ) -> None:
        path = self.sealed(files)
        files.record["seal"] = seal
        files.write(files.record)
        assert "the hash of the seal" in files.refused(CustodyError, sealed=path)
        assert any("does not know of the seal" in note for note in files.verify())

    def test_old_reports_without_one_are_verified_as_before(self, files: Files) -> None:
        files.write(files.record)
        assert not any("seal" in note for note in files.verify())


@pytest.mark.parametrize("signature", [{}, [], 1, {"public_key": "?", "value": 3}])
def test_a_nonsense_signature_is_none(files: Files, signature: object) -> None:
    files.write({**files.record, FIELD: signature})
    assert "not valid" in files.refused(CustodyError)


def test_settings_that_were_changed_are_noticed_without_a_signature(files: Files) -> None:
    files.record["settings"]["redaction"]["method"] = "fill"
    files.write(files.record)
    assert "settings" in files.refused(CustodyError)


def test_an_unknown_hash_verifies_nothing(files: Files) -> None:
    files.record["output"] = {"name": "standard output", "sha256": None}
    files.write(files.record)
    assert "does not name the hash" in files.refused(CustodyError)
    files.record["output"] = None
    files.write(files.record)
    files.refused(CustodyError)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"a": 1}', "[" * 100_000, "\udcff"], ids=range(7)
)
def test_what_is_no_report_is_refused(files: Files, text: str) -> None:
    files.report.write_bytes(text.encode(errors="surrogateescape"))
    files.refused(ConfigError)


def test_files_that_are_missing_are_named(files: Files) -> None:
    assert "report.json" in files.refused(ConfigError)
    files.write(files.record)
    files.output.unlink()
    assert "out.mp4" in files.refused(SourceError)
    assert "nowhere" in files.refused(ConfigError, key=files.folder / "nowhere.pem")


def _with_passphrase(folder: Path) -> Path:
    path = folder / "locked.pem"
    how = serialization.BestAvailableEncryption(b"secret")
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, how))
    return path


def _for_another_curve(folder: Path) -> Path:
    path = folder / "curve.pem"
    path.write_bytes(generate_private_key(SECP256R1()).private_bytes(PEM, PKCS8, PLAIN))
    return path


def _no_key(folder: Path) -> Path:
    path = folder / "text.pem"
    path.write_bytes(b"no key at all \xff")
    return path


def _file(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "given.pem"
        path.write_bytes(content)
        return path

    return make


AGE = b"# public key: age1qqq\nAGE-SECRET-KEY-1QQQQ\n"
BAD_KEYS: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "missing": (lambda folder: folder / "nowhere.pem", "no such file", "no such file"),
    "a folder": (lambda folder: folder, "is a directory", "is a directory"),
    "empty": (_file(b" \n"), "is empty", "is empty"),
    "no key": (_no_key, "is not a key in PEM format", "is not a key in PEM format"),
    "another curve": (_for_another_curve, "is not for Ed25519", "holds a secret key"),
    "passphrase": (_with_passphrase, "has a passphrase", "holds a secret key"),
    "of age": (_file(AGE), "is a key of age", "holds a secret key"),
    "public, of age": (_file(b"age1qqq\n"), "is a key of age", "is a key of age"),
    "of ssh": (_file(b"ssh-ed25519 AAAA me"), "format of OpenSSH", "format of OpenSSH"),
    "cut off": (
        _file(b"-----BEGIN PRIVATE KEY-----\nQQ\n"), "that is damaged", "holds a secret key"
    ),
    "cut off, public": (
        _file(b"-----BEGIN PUBLIC KEY-----\nQQ\n"), "is a public key:", "public key that is damaged"
    ),
    "certificate": (
        _file(b"-----BEGIN CERTIFICATE-----\nQQ\n"), "is a certificate", "is a certificate"
    ),
}  # fmt: skip
"""Files that are no keys, and what is said where one should sign and where one should verify."""


@pytest.mark.parametrize("case", BAD_KEYS)
def test_a_key_that_will_not_do_is_refused(tmp_path: Path, case: str) -> None:
    make, signing, verifying = BAD_KEYS[case]
    path = make(tmp_path)
    for load, said in ((load_signer, signing), (load_public_key, verifying)):
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert str(path) in str(caught.value)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value).replace("holds a secret key", "")
        assert "QQ" not in str(caught.value)


def test_a_secret_key_where_a_public_one_belongs_is_refused(files: Files) -> None:
    files.write(load_signer(files.key).signed(files.record))
    said = files.refused(ConfigError, key=files.key)
    assert "holds a secret key" in said
    assert "-pubout" in said
    inside = files.key.read_text().splitlines()[1]
    assert inside not in said


def test_a_public_key_cannot_sign_and_is_called_one(files: Files) -> None:
    with pytest.raises(ConfigError, match=r"key\.public\.pem is a public key: sign with a private"):
        load_signer(files.public)


@pytest.mark.parametrize("load", [load_signer, load_public_key])
@pytest.mark.parametrize("where", ["PEM", "age"])
def test_a_key_in_place_of_the_name_of_its_file_is_not_repeated(
    files: Files, load: Callable[[Path], object], where: str
) -> None:
    key = files.key.read_text() if where == "PEM" else "AGE-SECRET-KEY-1QQQQ"
    with pytest.raises(ConfigError, match="name the file") as caught:
        load(Path(key))
    assert "QQ" not in str(caught.value)
    assert files.key.read_text().splitlines()[1] not in str(caught.value)


def test_without_the_package_the_error_names_it(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(DependencyError, match=r"stream-anon\[sign\]"):
        load_signer(files.key)


def test_the_program_s_hash_is_of_its_sources() -> None:
    assert len(program_sha256()) == 64
    assert program_sha256() == program_sha256()
