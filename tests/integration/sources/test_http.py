"""Sources over HTTP, from a server on the loopback address."""

from __future__ import annotations

import gzip
import http.server
import threading

import pytest

from plugins.module_utils.reingest.dataset.model import Table
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.files import check_unchanged, find_sources, identify
from plugins.module_utils.reingest.sources.reader import read_records
from plugins.module_utils.reingest.sources.reading import Reading


@pytest.fixture
def web():
    """Return ``files``, content and ETag by name, and the address of the server that has them."""
    files = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer()

        def do_GET(self):
            content = self.answer()
            self.wfile.write(content)

        def answer(self):
            content, tag, claimed = files.get(self.path, (None, "", 0))
            self.send_response(404 if content is None else 200)
            if "packed" in self.path:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str((claimed or len(content)) if content else 0))
            if tag:
                self.send_header("ETag", tag)
            self.end_headers()
            return content or b""

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield files, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def table_of(url):
    return Table("t", "source", sources=(url,), reading=Reading("csv"))


@pytest.mark.parametrize("tag", ['"one"', 'W/"weak"', ""])
def test_a_file_is_read_and_known_by_its_tag_or_its_content(web, tmp_path, tag):
    files, address = web
    rows = [{"a": str(number)} for number in range(50_000)]
    content = gzip.compress("".join(["a\n", *(f"{row['a']}\n" for row in rows)]).encode())
    files["/a.csv.gz"] = (content, tag, 0)
    table = table_of(f"{address}/a.csv.gz")
    (source,) = find_sources(table.sources, table.reading, tmp_path)
    known = identify([source], tmp_path)
    assert known[source].size == len(content)
    assert [record for _, record in read_records(table.reading, source)] == rows
    check_unchanged(known.values())
    files["/a.csv.gz"] = (gzip.compress(b"a\n1\n"), tag and '"two"', 0)
    with pytest.raises(Refusal, match="was changed while it was read"):
        check_unchanged(known.values())


@pytest.mark.parametrize("name", ["/packed.csv.gz", "/packed.csv"])
def test_what_is_sent_as_packed_is_unpacked_once(web, tmp_path, name):
    files, address = web
    files[name] = (gzip.compress(b"a\n1\n2\n"), "", 0)
    table = table_of(f"{address}{name}")
    (source,) = find_sources(table.sources, table.reading, tmp_path)
    assert [record for _, record in read_records(table.reading, source)] == [{"a": "1"}, {"a": "2"}]


def test_a_file_that_is_not_there_or_ends_early_is_refused(web, tmp_path):
    files, address = web
    table = table_of(f"{address}/none.csv")
    with pytest.raises(Refusal, match=r"source http://.*/none.csv does not exist"):
        identify(find_sources(table.sources, table.reading, tmp_path), tmp_path)
    files["/cut.csv"] = (b"a\n1\n", "", 4000)
    table = table_of(f"{address}/cut.csv")
    with pytest.raises(Refusal, match="cannot be read"):
        list(read_records(table.reading, find_sources(table.sources, table.reading, tmp_path)[0]))
