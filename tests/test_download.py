"""Downloads from a real server on this machine: resumed, checked, and from the next mirror."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from resnet.download import SIZE, download
from resnet.errors import UserError

CONTENT = np.random.default_rng(0).integers(0, 256, 1_000_000, dtype=np.uint8).tobytes()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT below any path: /ranges, /whole (no ranges), /breaks (after half), /wrong, /missing."""

    asked: list[tuple[str, str | None]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if self.path == "/missing":
            self.send_error(404)
            return
        content = CONTENT if self.path != "/wrong" else CONTENT[::-1]
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.path != "/whole" else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content) // 2 if self.path == "/breaks" else len(content)
        self.wfile.write(content[start:end])


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def urls(server: Server) -> partial[str]:
    return partial("http://127.0.0.1:{port}/{path}".format, port=server.server_address[1])


def fetch(urls: list[str], target: Path) -> None:
    download(urls, target, size=len(CONTENT), md5=MD5, progress=False)


def test_a_broken_transfer_goes_on_from_where_it_stopped(server: Server, urls: partial[str], tmp_path: Path) -> None:
    target = tmp_path / "archive"
    with pytest.raises(UserError):
        fetch([urls(path="breaks")], target)
    part = tmp_path / "archive.part"
    have = part.stat().st_size
    assert 0 < have <= len(CONTENT) // 2
    assert not target.exists()
    server.asked.clear()
    fetch([urls(path="ranges")], target)
    assert server.asked == [("/ranges", f"bytes={have}-")]
    assert target.read_bytes() == CONTENT
    assert not part.exists()


def test_a_server_without_ranges_sends_all_anew(urls: partial[str], tmp_path: Path) -> None:
    (tmp_path / "archive.part").write_bytes(CONTENT[:1000])
    fetch([urls(path="whole")], tmp_path / "archive")
    assert (tmp_path / "archive").read_bytes() == CONTENT


def test_after_a_wrong_checksum_the_next_mirror_is_asked(server: Server, urls: partial[str], tmp_path: Path) -> None:
    fetch([urls(path="wrong"), urls(path="missing"), urls(path="ranges")], tmp_path / "archive")
    assert (tmp_path / "archive").read_bytes() == CONTENT
    assert [path for path, _ in server.asked][-2:] == ["/missing", "/ranges"]


def test_a_part_that_another_mirror_spoilt_is_thrown_away(urls: partial[str], tmp_path: Path) -> None:
    (tmp_path / "archive.part").write_bytes(b"x" * 5000)
    fetch([urls(path="ranges")], tmp_path / "archive")
    assert (tmp_path / "archive").read_bytes() == CONTENT


def test_no_network_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"CIFAR10_SOURCE.*quickstart") as caught:
        fetch(["http://127.0.0.1:9/archive", "http://127.0.0.1:9/again"], tmp_path / "archive")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_size_is_the_official_archives() -> None:
    assert SIZE == 170_498_071
