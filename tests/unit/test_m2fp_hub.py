"""Fetching and importing a model: what is installed loads, and a failure changes nothing."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.detectors.m2fp import client, load_network, store
from stream_anon.detectors.m2fp import hub as getting
from stream_anon.errors import CheckpointError, ModelError
from tests.hub import (
    DOWNLOAD,
    ELSEWHERE,
    LISTING,
    NOWHERE,
    SECRET,
    Hub,
    model_repository,
    point_to,
    running_hub,
)
from tests.m2fp_models import write_tiny_model
from tests.requirements import require_m2fp
from tests.variants import variants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

FILES = ("configuration.json", "pytorch_model.pt")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model. Read-only."""
    require_m2fp()
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def hub(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub(model_repository(tiny)) as hub:
        point_to(monkeypatch, tmp_path / "home", hub.address)
        yield hub


@pytest.fixture
def home(hub: Hub, tmp_path: Path) -> Path:
    """A home folder with a model that is installed already."""
    store.model_dir().mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (store.model_dir() / name).write_text("precious")
    return tmp_path / "home"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def only_the_model(folder: Path, model: Path) -> None:
    """Nothing was written in a home folder but the model."""
    place = store.model_dir().relative_to(folder)
    assert tree(folder) == {f"{place}/{name}": (model / name).read_bytes() for name in FILES}
    assert [path.name for path in store.model_dir().parent.iterdir()] == ["m2fp"]


def refused(home: Path, **options: Any) -> str:
    """The message of a fetch that has to fail, checked for what holds for all of them."""
    before = tree(home)
    with pytest.raises(ModelError) as caught:
        getting.fetch(store.model_dir(), **options)
    message = str(caught.value)
    assert tree(home) == before
    assert os.listdir(store.model_dir().parent) in ([], ["m2fp"])  # noqa: PTH208
    assert "\n" not in message
    assert SECRET not in message
    assert "://" not in message
    assert "Errno" not in message
    assert caught.value.exit_code == 5
    return message


# -- what works -------------------------------------------------------------------------------


def test_the_model_is_fetched_whole_and_nothing_else(hub: Hub, tiny: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    getting.fetch(store.model_dir(), on_progress=lambda done, total: told.append((done, total)))
    only_the_model(tmp_path / "home", tiny)
    size = sum((tiny / name).stat().st_size for name in FILES)
    assert told[-1] == (size, size)
    assert all(0 <= done <= total <= size for done, total in told)
    assert not load_network(store.model_dir()).training


def test_only_the_hub_is_asked_and_only_for_the_two_files(hub: Hub) -> None:
    getting.fetch(store.model_dir())
    assert [(asked.method, asked.path) for asked in hub.requests] == [
        ("GET", LISTING), ("GET", DOWNLOAD), ("GET", DOWNLOAD)
    ]  # fmt: skip
    assert sorted(asked.query["FilePath"] for asked in hub.asked(DOWNLOAD)) == list(FILES)


def test_the_watch_would_notice_what_was_turned_off(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getting, "UNASKED", {})
    getting.fetch(store.model_dir())
    assert hub.asked("/api/v1/repos/internalAccelerationInfo")


def test_requests_to_other_hosts_would_be_seen(hub: Hub, home: Path) -> None:
    assert refused(home, endpoint="https://hub.invalid")
    assert hub.asked("hub.invalid:443")
    getting.fetch(store.model_dir(), endpoint="http://hub.invalid")
    assert hub.asked(f"http://hub.invalid{LISTING}")


def test_nobody_is_recognised_by_a_kept_identity(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "home" / ".modelscope" / "credentials"
    kept.mkdir(parents=True)
    (kept / "session").write_text("1234567890abcdef" * 2)
    monkeypatch.setenv("MODELSCOPE_CLOUD_USERNAME", "jane.doe")
    getting.fetch(store.model_dir())
    agents = {asked.headers["User-Agent"] for asked in hub.requests}
    assert len(agents) == 1
    assert not any("1234567890abcdef" in agent or "jane" in agent for agent in agents)


def test_a_token_of_the_environment_is_used(hub: Hub) -> None:
    getting.fetch(store.model_dir())
    assert {asked.headers["Authorization"] for asked in hub.requests} == {f"Bearer {SECRET}"}


def test_redirections_are_followed(hub: Hub, tiny: Path, tmp_path: Path) -> None:
    hub.redirects = True
    getting.fetch(store.model_dir())
    only_the_model(tmp_path / "home", tiny)
    assert [len(hub.asked(ELSEWHERE + name)) for name in FILES] == [1, 1]


def test_a_connection_that_breaks_once_is_taken_up_again(
    hub: Hub, tiny: Path, tmp_path: Path
) -> None:
    hub.breaks_once_after = 300_000
    getting.fetch(store.model_dir())
    only_the_model(tmp_path / "home", tiny)
    assert [asked.headers.get("Range") for asked in hub.asked(DOWNLOAD)][-1] == "bytes=300000-"


def test_a_model_that_is_there_is_replaced(hub: Hub, home: Path, tiny: Path) -> None:
    store.model_dir().mkdir(parents=True, exist_ok=True)
    (store.model_dir() / "pytorch_model.pt").write_text("an older one")
    getting.fetch(store.model_dir())
    only_the_model(home, tiny)
    checkpoint = "pytorch_model.pt"
    assert (store.model_dir() / checkpoint).read_bytes() == (tiny / checkpoint).read_bytes()


@pytest.mark.parametrize("variable", ["MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN", "argument"])
def test_the_hub_can_be_chosen(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    for name in ("MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN", "MODELSCOPE_PREFER_AI_SITE"):
        monkeypatch.delenv(name, raising=False)
    assert getting.hub_name() == "modelscope.cn"
    if variable == "argument":
        assert getting.hub_name("https://me:secret@hub.example/models") == "hub.example"
    else:
        monkeypatch.setenv(variable, "hub.example")
        assert getting.hub_name() == "hub.example"


def test_the_international_hub_can_be_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELSCOPE_PREFER_AI_SITE", "true")
    assert getting.hub_name() == "www.modelscope.ai"


# -- what fails -------------------------------------------------------------------------------

BAD_DAYS: dict[str, tuple[dict[str, Any], str]] = {
    "dies in mid-file, every time": ({"dies_after": 300_000}, "the connection was lost"),
    "a wrong hash": ({"wrong_hash": True}, "does not match the size or the hash"),
    "a truncated file": ({"short": 1000}, "does not match the size or the hash"),
    "no such model": ({"status": 404}, "it has no damo/"),
    "a file that cannot be had": ({"file_status": 404}, "it has no damo/"),
    "refused": ({"status": 403}, "it refuses access"),
    "an error of the hub": ({"status": 500}, "it answers with error 500"),
    "an error at the download": ({"file_status": 500}, "it answers with error 500"),
    "a login page": ({"body": b"<html>"}, "does not answer like a model hub"),
    "an answer of another kind": ({"body": b"[]"}, "does not answer like a model hub"),
    "an empty listing": ({"files": {}}, "it has no configuration.json"),
}


@pytest.mark.parametrize(("day", "said"), variants(BAD_DAYS.values(), 3))
def test_a_hub_on_a_bad_day_changes_nothing(
    hub: Hub, home: Path, day: dict[str, Any], said: str
) -> None:
    for name, value in day.items():
        setattr(hub, name, value)
    message = refused(home)
    assert said in message
    assert message.startswith("cannot download m2fp from 127.0.0.1: ")
    assert "stream-anon models import m2fp" in message


def test_a_hub_that_cannot_be_reached_is_told(hub: Hub, home: Path) -> None:
    message = refused(home, endpoint=f"{NOWHERE.replace('://', f'://me:{SECRET}@')}")
    assert "from 127.0.0.1: it cannot be reached; try again, or bring a copy" in message
    assert "stream-anon models import m2fp" in message


def test_an_address_that_is_none_is_told(hub: Hub, home: Path) -> None:
    assert "MODELSCOPE_ENDPOINT" in refused(home, endpoint="http://[broken")
    assert hub.requests == []


class Evil:
    """What runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def poisoned(mark: Path) -> bytes:
    return pickle.dumps({"model": Evil(mark)})


def poisoned_archive(model: Path, mark: Path) -> bytes:
    """PyTorch's own format with a pickle of ours in it."""
    out = mark.with_suffix(".pt")
    with zipfile.ZipFile(model / FILES[1]) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, poisoned(mark) if name.endswith("data.pkl") else old.read(name))
    return out.read_bytes()


@pytest.mark.parametrize("archive", [False, True])
def test_code_in_a_checkpoint_is_not_run(
    hub: Hub, home: Path, tiny: Path, tmp_path: Path, archive: bool
) -> None:
    mark = tmp_path / "run"
    hub.files[FILES[1]] = poisoned_archive(tiny, mark) if archive else poisoned(mark)
    message = refused(home)
    assert message.startswith("what 127.0.0.1 sent as m2fp cannot be used: pytorch_model.pt")
    assert not mark.exists()
    pickle.loads(poisoned(mark))
    assert mark.exists(), "the poison is none"


def test_a_checkpoint_of_another_model_is_refused(hub: Hub, home: Path, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / "other", decoder={"num_queries": 7})
    hub.files[FILES[1]] = (other / FILES[1]).read_bytes()
    with pytest.raises(CheckpointError) as caught:
        getting.fetch(store.model_dir())
    assert any("(7, 64) instead of (20, 64)" in key for key in caught.value.misshapen)
    assert "misshapen" in refused(home)


def test_another_kind_of_model_is_refused(hub: Hub, home: Path) -> None:
    hub.files[FILES[0]] = b'{"model": {"type": "resnet"}}'
    assert "of type 'resnet', not m2fp" in refused(home)


@pytest.mark.parametrize("package", ["modelscope", "torch"])
def test_a_missing_package_is_told_before_anything_is_downloaded(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr(getting, "find_spec", lambda name: None if name == package else name)
    assert f"{package} is not installed: pip install 'stream-anon[m2fp]'" in refused(home)
    assert hub.requests == []


def test_a_client_that_vanishes_is_told(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getting.sys, "executable", shutil.which("true"))  # type: ignore[attr-defined]
    assert "the download was interrupted" in refused(home)


def test_a_full_disk_is_told(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getting, "_run_client", lambda *_: errno.ENOSPC)
    assert "no space left on device; nothing was left behind" in refused(home)


def test_the_client_tells_why_a_file_cannot_be_written(hub: Hub) -> None:
    full = OSError(errno.ENOSPC, "no space")
    assert client._reason(full) == errno.ENOSPC
    wrapped = RuntimeError("after some retries")
    wrapped.__cause__ = full
    assert client._reason(wrapped) == errno.ENOSPC
    assert client._reason(RuntimeError("http://x/?token=1")) == "unexpected RuntimeError"


# -- from a folder ----------------------------------------------------------------------------


def test_a_folder_is_imported_without_its_other_files(
    hub: Hub, home: Path, tiny: Path, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    shutil.copytree(tiny, stick)
    (stick / "holiday.jpg").write_text("private")
    getting.import_folder(stick, store.model_dir())
    only_the_model(home, tiny)
    assert hub.requests == []
    getting.import_folder(store.model_dir(), store.model_dir())
    only_the_model(home, tiny)


def spoil(folder: Path, what: str) -> str:
    """Break a model folder; what has to be said comes back."""
    configuration, checkpoint = (folder / name for name in FILES)
    if what == "no checkpoint":
        checkpoint.unlink()
        return "is not a model folder: pytorch_model.pt is missing"
    if what == "no configuration":
        configuration.unlink()
        return "is not a model folder: configuration.json is missing"
    if what == "truncated":
        checkpoint.write_bytes(checkpoint.read_bytes()[:-1000])
        return "is damaged"
    if what == "code":
        checkpoint.write_bytes(poisoned(folder / "run"))
        return "is damaged, or holds something other than weights"
    if what == "no JSON":
        configuration.write_text("{")
        return "is not valid JSON"
    write_tiny_model(folder / "other", decoder={"num_queries": 7})
    checkpoint.write_bytes((folder / "other" / FILES[1]).read_bytes())
    return "misshapen"


KINDS = ["no checkpoint", "no configuration", "truncated", "code", "no JSON", "another model"]


@pytest.mark.parametrize("what", KINDS)
def test_a_folder_that_holds_no_good_model_changes_nothing(
    hub: Hub, home: Path, tiny: Path, tmp_path: Path, what: str
) -> None:
    stick = tmp_path / "stick"
    shutil.copytree(tiny, stick)
    said = spoil(stick, what)
    before = tree(home)
    with pytest.raises(ModelError, match=said) as caught:
        getting.import_folder(stick, store.model_dir())
    assert str(stick) in str(caught.value)
    assert str(store.model_dir().parent) not in str(caught.value)
    assert tree(home) == before
    assert not (stick / "run").exists()


@pytest.mark.parametrize("changes", [{"single_human": True}, {"classes": ["a", "b"]}])
def test_a_model_that_no_run_could_use_is_not_installed(
    home: Path, tiny: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    getting.import_folder(tiny, store.model_dir())
    with pytest.raises(ModelError, match="model"):
        getting.import_folder(write_tiny_model(tmp_path / "other", **changes), store.model_dir())
    only_the_model(home, tiny)
    assert store.model_dir().stat().st_mode & 0o777 == 0o755
