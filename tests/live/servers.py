"""Servers for live tests, each a process of its own: a camera, targets to publish to, a bad line.

They listen on loopback and end with the test. Start them from a thread that lives as long as they.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.live.process import Program

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON = "/usr/bin/python3"
"""The system's, whose bindings of GStreamer come with it."""
HERE = Path(__file__).parent
RTMP_MODULE = "/usr/lib/nginx/modules/ngx_rtmp_module.so"
NGINX = """
load_module {module};
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
rtmp {{
    server {{
        listen {host}:{port};
        application live {{
            live on;
            record all;
            record_path {folder};
            record_unique on;
        }}
    }}
}}
"""
"""One process, so that all of it is frozen or killed at once."""


class RtspServer(Program):
    """A camera that shows a video without end, for any number of clients.

    The video starts when the first client comes, anew after the last one has gone. A client that
    comes later joins where it is. After `thaw` and `resume_video` it goes on at a keyframe, with
    the time that it is then.
    """

    def __init__(
        self,
        clip: Path,
        *,
        audio: bool = False,
        login: tuple[str, str] | None = None,
        digest: bool = False,
        transports: Sequence[Literal["tcp", "udp"]] = ("tcp", "udp"),
        first: int = 0,
        host: str = "127.0.0.1",
        enter: Sequence[str] = (),
    ) -> None:
        """Nothing runs yet.

        Args:
            clip: H.264 without B-frames in any container, its first frame a keyframe.
            audio: also sends a ticking sound (G.711).
            login: user and password that clients need.
            digest: how they are asked for: digest or basic.
            transports: what clients may choose from.
            first: the frame that the first client gets first; a keyframe only by chance.
            host: where to listen.
            enter: a command that runs the server, in another network say.
        """
        super().__init__(host, enter)
        self._login = login
        self._options = {
            "clip": str(clip),
            "audio": audio,
            "login": login,
            "digest": digest,
            "transports": list(transports),
            "first": first,
            "host": host,
            "port": self.port,
        }

    @property
    def url(self) -> str:
        """Without user and password."""
        return f"rtsp://{self.host}:{self.port}/cam"

    @property
    def full_url(self) -> str:
        """With user and password, where it asks for them."""
        return _with_login(self.url, self._login)

    def command(self) -> list[str]:
        return [PYTHON, "-I", str(HERE / "rtsp_server.py"), json.dumps(self._options)]

    def stop_video(self) -> None:
        """Send no more pictures; sound goes on."""
        self.tell("video off")

    def resume_video(self) -> None:
        """Send pictures again."""
        self.tell("video on")

    def switch(self, clip: Path) -> None:
        """Go on with another video, in the same stream; its size may differ."""
        self.tell(f"play {clip}")


class _Keeping(Program):
    """A target that keeps what is published to it in files."""

    ending: str

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def files(self) -> list[Path]:
        """One for each time that somebody published, the oldest first; they grow."""
        return sorted(self.folder.glob(f"*.{self.ending}"))


class RtspTarget(_Keeping):
    """An RTSP server to publish H.264 to; what comes is kept as MPEG-TS."""

    ending = "ts"

    def __init__(
        self,
        folder: Path,
        *,
        audio: bool = False,
        login: tuple[str, str] | None = None,
        digest: bool = False,
    ) -> None:
        """Nothing runs yet.

        Args:
            folder: gets the files.
            audio: takes sound (AAC) along with the picture.
            login: user and password that publishers need.
            digest: how they are asked for: digest or basic.
        """
        super().__init__(folder)
        self._login = login
        self._options = {
            "folder": str(folder),
            "audio": audio,
            "login": login,
            "digest": digest,
            "host": self.host,
            "port": self.port,
        }

    @property
    def url(self) -> str:
        """Without user and password."""
        return f"rtsp://{self.host}:{self.port}/cam"

    @property
    def full_url(self) -> str:
        """With user and password, where it asks for them."""
        return _with_login(self.url, self._login)

    def command(self) -> list[str]:
        return [PYTHON, "-I", str(HERE / "rtsp_server.py"), json.dumps(self._options)]


class RtmpTarget(_Keeping):
    """nginx with its RTMP module: keeps what is published as FLV, and shows it to who asks."""

    ending = "flv"

    @property
    def url(self) -> str:
        """Where to publish, and to watch what is published."""
        return f"rtmp://{self.host}:{self.port}/live/cam"

    def command(self) -> list[str]:
        settings = self.folder / "nginx.conf"
        settings.write_text(
            NGINX.format(module=RTMP_MODULE, folder=self.folder, host=self.host, port=self.port)
        )
        return [_nginx(), "-p", str(self.folder), "-c", str(settings), "-e", "stderr"]

    def wait_ready(self) -> None:
        self.wait_listening()


class FaultProxy(Program):
    """A TCP line to a server on loopback that fails on order."""

    def __init__(self, target_port: int) -> None:
        super().__init__()
        self._target = target_port

    def url(self, of: str) -> str:
        """The address of a server, but through this line."""
        return of.replace(f":{self._target}/", f":{self.port}/")

    def command(self) -> list[str]:
        return [sys.executable, str(HERE / "fault_proxy.py"), str(self.port), str(self._target)]

    def garbage(self, count: int, every: int = 1) -> None:
        """Spoil every so-manieth of the next `count` bytes to the client."""
        self.tell(f"garbage {count} {every}")

    def stall(self) -> None:
        """Nothing comes through any more, either way; connections stay open, new ones too."""
        self.tell("stall")

    def cut(self) -> None:
        """Reset all connections; new ones are fine."""
        self.tell("cut")

    def refuse(self) -> None:
        """Reset all connections, and new ones at once."""
        self.tell("refuse")

    def heal(self) -> None:
        """Let everything through again."""
        self.tell("pass")


def _nginx() -> str:
    return shutil.which("nginx") or "/usr/sbin/nginx"  # not in the PATH of ordinary users


def _with_login(url: str, login: tuple[str, str] | None) -> str:
    return url if login is None else url.replace("://", f"://{login[0]}:{login[1]}@")
