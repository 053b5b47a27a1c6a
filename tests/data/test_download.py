"""The download, from real servers on this machine: mirrors, checksums, two at once."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from torchvision.datasets import CIFAR10

from resnet.data import sources
from resnet.errors import UserError, explained

CONTENT = bytes(hashlib.sha256(str(i).encode()).digest()[0] for i in range(200_000))
MD5 = hashlib.md5(CONTENT).hexdigest()


@dataclass
class Mirror:
    """A server of one file. It sends `content`, claims that it has the whole one's length, and counts its requests."""

    content: bytes = CONTENT
    status: int = 200
    gate: threading.Event | None = None
    """Nothing is sent before it opens."""
    sent: int = 0
    """Answers with content."""
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if self.status != 200:
            request.send_error(self.status)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(CONTENT)))
        request.end_headers()
        if request.headers["Method"] != "HEAD":  # so torchvision asks where a URL leads
            self.sent += 1
            if self.gate is not None:
                self.gate.wait()
            request.wfile.write(self.content)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def serve() -> Iterator[Callable[[Mirror], Mirror]]:
    servers = []

    def start(mirror: Mirror) -> Mirror:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with contextlib.suppress(ConnectionError):  # the client may have had enough
                    mirror.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        mirror.url = f"http://127.0.0.1:{server.server_address[1]}/some.tar.gz?download=1"
        return mirror

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def dead() -> str:
    """The URL of a port at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/some.tar.gz"


Serve = Callable[[Mirror], Mirror]


def get(target: Path, *mirrors: Mirror | str) -> None:
    sources.download([mirror if isinstance(mirror, str) else mirror.url for mirror in mirrors], target, MD5)


def failure(target: Path, *mirrors: Mirror | str) -> str:
    """The one line that says why nothing was downloaded and what to do; nothing is left."""
    with pytest.raises(UserError, match=r"CIFAR10_SOURCE .* quickstart") as caught:
        get(target, *mirrors)
    assert "\n" not in str(caught.value)
    assert not list(target.parent.iterdir())
    return str(caught.value)


def test_the_first_mirror_that_gives_the_file_is_taken(tmp_path: Path, serve: Serve, dead: str) -> None:
    target = tmp_path / "deep" / "some.tar.gz"
    wrong, cut = serve(Mirror(CONTENT[:-1] + b"x")), serve(Mirror(CONTENT[:50_000]))
    unavailable, whole = serve(Mirror(status=503)), serve(Mirror())
    get(target, dead, unavailable, wrong, cut, whole, serve(Mirror(status=404)))
    assert target.read_bytes() == CONTENT
    get(target, whole)
    assert whole.sent == 1
    assert [path.name for path in target.parent.iterdir()] == ["some.tar.gz"]


def test_without_the_file_each_mirror_has_its_reason(tmp_path: Path, serve: Serve, dead: str) -> None:
    wrong, gone = serve(Mirror(CONTENT[:-1] + b"x")), serve(Mirror(status=404))
    message = failure(tmp_path / "some.tar.gz", dead, gone, wrong, "http://nowhere.invalid/some.tar.gz")
    for reason in ("refused", "404", "corrupted", "nowhere.invalid"):
        assert reason in message


def test_a_server_that_falls_silent_is_left(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "TIMEOUT", 0.2)
    target = tmp_path / "some.tar.gz"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/some.tar.gz"
        assert "timed out" in failure(target, url)
        get(target, url, serve(Mirror()))
    assert target.read_bytes() == CONTENT
    assert socket.getdefaulttimeout() is None


def test_a_place_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "some.tar.gz").mkdir()
    for target in (tmp_path / "file" / "some.tar.gz", tmp_path / "some.tar.gz"):
        with pytest.raises(OSError, match=str(target.parent)) as caught:
            get(target, serve(Mirror()))
        assert explained(caught.value)


def test_of_two_downloads_at_once_the_second_takes_the_firsts(tmp_path: Path, serve: Serve) -> None:
    target, mirror = tmp_path / "some.tar.gz", serve(Mirror(gate=(gate := threading.Event())))
    code = "import sys; from pathlib import Path; from resnet.data import sources; " + (
        "sources.TIMEOUT = 300; sources.download([sys.argv[1]], Path(sys.argv[2]), sys.argv[3])"
    )
    command = [sys.executable, "-c", code, mirror.url, str(target), MD5]
    first = subprocess.Popen(command)
    while not mirror.sent:
        time.sleep(0.01)
    second = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert second.stderr is not None
    assert "waiting" in second.stderr.readline()
    gate.set()
    second.communicate(timeout=60)
    assert (first.wait(60), second.returncode) == (0, 0)
    assert target.read_bytes() == CONTENT
    assert mirror.sent == 1


def test_the_official_archive_is_downloaded_into_the_users_cache(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CIFAR10.tgz_md5 == "c58f30108f718f92721af3b95e74349a"
    assert sources.URLS[-1] == CIFAR10.url
    mirror = serve(Mirror())
    monkeypatch.setattr(sources, "URLS", (mirror.url,))
    monkeypatch.setattr(CIFAR10, "tgz_md5", MD5)
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable, folder in ((str(tmp_path / "cache"), tmp_path / "cache"), ("", tmp_path / ".cache")):
        monkeypatch.setenv("XDG_CACHE_HOME", variable)
        path = sources.official_archive("official")
        assert path == folder / "resnet-depth" / "cifar-10-python.tar.gz"
        assert sources.official_archive("official") == path
    assert mirror.sent == 2
    path.write_bytes(CONTENT[:-1] + b"x")
    assert sources.official_archive("official").read_bytes() == CONTENT
