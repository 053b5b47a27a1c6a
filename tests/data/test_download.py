"""The download, from real servers on this machine: resuming, mirrors, checksums."""

from __future__ import annotations

import contextlib
import hashlib
import pwd
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from torchvision.datasets import CIFAR10

from resnet.data import download
from resnet.errors import UserError

CONTENT = bytes(hashlib.sha256(str(i).encode()).digest()[0] for i in range(200_000))
MD5 = hashlib.md5(CONTENT).hexdigest()


def open_gate() -> threading.Event:
    gate = threading.Event()
    gate.set()
    return gate


@dataclass
class Mirror:
    """A server of one file that can resume. `cuts` has it close the connection after so many bytes."""

    content: bytes = CONTENT
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    shift: int = 0
    """Bytes by which the rest that it sends begins too late."""
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    chunked: bool = False
    asked: list[str | None] = field(default_factory=list)
    """The Range header of each request."""
    url: str = ""
    gate: threading.Event = field(default_factory=open_gate)
    """Nothing is sent before it opens."""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers["Range"]
        self.asked.append(wanted)
        self.gate.wait()
        start = 0
        if self.status is not None:
            request.send_error(self.status)
            return
        if wanted and self.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) + self.shift  # type: ignore[index]
            if start >= len(self.content):
                request.send_error(416)
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        else:
            request.send_response(200)
        if not self.chunked:
            request.send_header("Content-Length", str(len(self.content) - start))
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.end_headers()
        length = self.cuts.pop(0) if self.cuts else None
        request.wfile.write(self.content[start:][:length])


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
    urls = [mirror if isinstance(mirror, str) else mirror.url for mirror in mirrors]
    download.download(urls, target, size=len(CONTENT), md5=MD5, progress=False)


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def failure(target: Path, *mirrors: Mirror | str) -> str:
    """The one line that says why nothing was downloaded and what to do."""
    with pytest.raises(UserError) as caught:
        get(target, *mirrors)
    message = str(caught.value)
    assert "\n" not in message
    assert "CIFAR10_SOURCE" in message
    assert "data.source" in message
    assert "quickstart" in message
    assert not target.exists()
    return message


def test_a_whole_download(tmp_path: Path, serve: Serve) -> None:
    target = tmp_path / "deep" / "some.tar.gz"
    mirror = serve(Mirror())
    get(target, mirror)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == [None]
    assert not part_of(target).exists()


def test_an_interrupted_download_asks_only_for_the_rest(tmp_path: Path, serve: Serve) -> None:
    target = tmp_path / "some.tar.gz"
    part_of(target).write_bytes(CONTENT[:70_000])  # what a killed process left
    mirror = serve(Mirror())
    get(target, mirror)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == ["bytes=70000-"]


def test_a_connection_that_breaks_is_taken_up_again(tmp_path: Path, serve: Serve) -> None:
    target = tmp_path / "some.tar.gz"
    mirror = serve(Mirror(cuts=[50_000, 60_000]))
    get(target, mirror)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == [None, "bytes=50000-", "bytes=110000-"]


def test_another_mirror_goes_on_where_the_first_stopped(tmp_path: Path, serve: Serve) -> None:
    target = tmp_path / "some.tar.gz"
    first, second = serve(Mirror(cuts=[50_000, 0])), serve(Mirror())
    get(target, first, second)
    assert target.read_bytes() == CONTENT
    assert first.asked == [None, "bytes=50000-"]
    assert second.asked == ["bytes=50000-"]


def test_what_came_before_all_mirrors_failed_is_kept(tmp_path: Path, serve: Serve, dead: str) -> None:
    target = tmp_path / "some.tar.gz"
    failure(target, serve(Mirror(cuts=[50_000, 0])), dead)
    assert part_of(target).read_bytes() == CONTENT[:50_000]
    mirror = serve(Mirror())
    get(target, mirror)
    assert mirror.asked == ["bytes=50000-"]


def test_a_server_that_cannot_resume_sends_all_of_it(tmp_path: Path, serve: Serve) -> None:
    target = tmp_path / "some.tar.gz"
    part_of(target).write_bytes(b"x" * 70_000)
    mirror = serve(Mirror(ranges=False))
    get(target, mirror)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == ["bytes=70000-"]


def test_a_server_that_sends_another_rest_than_was_asked_for_is_passed_over(tmp_path: Path, serve: Serve) -> None:
    target = tmp_path / "some.tar.gz"
    part_of(target).write_bytes(CONTENT[:70_000])
    shifted, mirror = serve(Mirror(shift=1)), serve(Mirror())
    get(target, shifted, mirror)
    assert target.read_bytes() == CONTENT
    assert shifted.asked == mirror.asked == ["bytes=70000-"]


def test_a_connection_that_breaks_again_and_again_is_given_up_and_what_came_is_kept(
    tmp_path: Path, serve: Serve
) -> None:
    target = tmp_path / "some.tar.gz"
    mirror = serve(Mirror(cuts=[1_000] * (download.ATTEMPTS + 1)))
    failure(target, mirror)
    assert len(mirror.asked) == download.ATTEMPTS
    assert part_of(target).read_bytes() == CONTENT[: 1_000 * download.ATTEMPTS]


def test_a_dead_mirror_is_passed_over(tmp_path: Path, serve: Serve, dead: str) -> None:
    target = tmp_path / "some.tar.gz"
    get(target, dead, serve(Mirror(status=404)), serve(Mirror(status=503)), serve(Mirror()))
    assert target.read_bytes() == CONTENT


def test_no_network_at_all_is_one_line_with_every_reason(tmp_path: Path, serve: Serve, dead: str) -> None:
    gone = serve(Mirror(status=404))
    message = failure(tmp_path / "some.tar.gz", dead, gone)
    assert "ConnectionError" in message
    assert "status 404" in message
    assert not list(tmp_path.iterdir())


def test_a_host_without_an_address_is_one_line(tmp_path: Path) -> None:
    assert "nowhere.invalid" in failure(tmp_path / "some.tar.gz", "http://nowhere.invalid/some.tar.gz")


def test_a_wrong_checksum_is_refused(tmp_path: Path, serve: Serve) -> None:
    target = tmp_path / "some.tar.gz"
    wrong = serve(Mirror(content=CONTENT[:-1] + b"x"))
    assert "wrong checksum" in failure(target, wrong)
    assert wrong.asked == [None]  # nothing earlier is to blame: no second try
    assert not part_of(target).exists()
    get(target, wrong, serve(Mirror()))
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("length", [70_000, len(CONTENT), len(CONTENT) + 1])
def test_a_wrong_part_is_thrown_away_and_fetched_afresh_once(tmp_path: Path, serve: Serve, length: int) -> None:
    target = tmp_path / "some.tar.gz"
    part_of(target).write_bytes(b"x" * length)
    mirror = serve(Mirror())
    get(target, mirror)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == (["bytes=70000-", None] if length == 70_000 else [None])
    part_of(target).write_bytes(b"x" * 70_000)
    target.unlink()
    wrong = serve(Mirror(content=CONTENT[:-1] + b"x"))
    failure(target, wrong)
    assert wrong.asked == ["bytes=70000-", None]


@pytest.mark.parametrize(
    "mirror",
    [
        Mirror(content=b"<html>Please sign in</html>", ranges=False),
        Mirror(content=b"<html>" * 100, ranges=False, chunked=True, headers={"Content-Type": "text/html"}),
        Mirror(content=CONTENT[:150_000]),
        Mirror(content=CONTENT + b"more"),
        Mirror(content=CONTENT[:10]),
    ],
)
def test_another_file_does_not_overwrite_what_has_come(tmp_path: Path, serve: Serve, mirror: Mirror) -> None:
    target = tmp_path / "some.tar.gz"
    part_of(target).write_bytes(CONTENT[:70_000])
    failure(target, serve(mirror))
    assert part_of(target).read_bytes() == CONTENT[:70_000]


def test_an_endless_answer_is_cut_off(tmp_path: Path, serve: Serve) -> None:
    target = tmp_path / "some.tar.gz"
    assert "wrong checksum" in failure(target, serve(Mirror(content=CONTENT * 20, chunked=True)))
    assert not part_of(target).exists()


def test_a_transfer_encoding_that_the_server_claims_is_not_undone(tmp_path: Path, serve: Serve) -> None:
    target = tmp_path / "some.tar.gz"
    get(target, serve(Mirror(headers={"Content-Encoding": "x-gzip"})))
    assert target.read_bytes() == CONTENT


def test_a_server_that_falls_silent_is_left(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", (0.2, 0.2))
    target = tmp_path / "some.tar.gz"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/some.tar.gz"
        assert "Timeout" in failure(target, url)
        get(target, url, serve(Mirror()))
    assert target.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        get(tmp_path / "file" / "some.tar.gz", serve(Mirror()))


def test_of_two_downloads_at_once_the_second_takes_the_firsts(
    tmp_path: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "some.tar.gz"
    mirror = serve(Mirror(gate=threading.Event()))
    said = ""
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(get, target, mirror)
        while not mirror.asked:
            time.sleep(0.01)
        second = pool.submit(get, target, mirror)
        while "waiting" not in said and len(mirror.asked) < 2 and not second.done():
            time.sleep(0.01)
            said += capsys.readouterr().err
        mirror.gate.set()
        first.result()
        second.result()
    assert target.read_bytes() == CONTENT
    assert mirror.asked == [None]


def test_a_folder_in_the_archives_place_is_one_line(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "some.tar.gz").mkdir()
    with pytest.raises(UserError, match=r"some\.tar\.gz") as caught:
        get(tmp_path / "some.tar.gz", serve(Mirror()))
    assert "\n" not in str(caught.value)


# --- The official archive -------------------------------------------------------------------------


def test_the_official_archive_comes_from_mirrors_first() -> None:
    assert all(re.match(r"https://[^/]+/.*cifar-10-python\.tar\.gz", url) for url in download.URLS)
    assert "toronto" in download.URLS[-1]
    assert download.SIZE == 170_498_071
    assert CIFAR10.tgz_md5 == "c58f30108f718f92721af3b95e74349a"


def test_a_cached_archive_is_used_while_it_is_whole(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = serve(Mirror())
    monkeypatch.setattr(download, "URLS", (mirror.url,))
    monkeypatch.setattr(download, "SIZE", len(CONTENT))
    monkeypatch.setattr(CIFAR10, "tgz_md5", MD5)
    path = download.official_archive(tmp_path, progress=False)
    assert path == tmp_path / "cifar-10-python.tar.gz"
    assert download.official_archive(tmp_path, progress=False) == path
    assert len(mirror.asked) == 1
    path.write_bytes(CONTENT[:-1] + b"x")
    assert download.official_archive(tmp_path, progress=False).read_bytes() == CONTENT
    assert len(mirror.asked) == 2


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert download.default_cache() == tmp_path / "resnet-depth"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert download.default_cache() == tmp_path / ".cache" / "resnet-depth"


def test_a_user_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> object:
        raise KeyError

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(UserError, match="no home folder"):
        download.default_cache()
