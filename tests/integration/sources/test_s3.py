"""Sources on S3, from a server of its interface on the loopback address."""

from __future__ import annotations

import gzip

import boto3
import pytest
from moto.server import ThreadedMotoServer

from plugins.module_utils.reingest.dataset.model import Table
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.files import check_unchanged, find_sources, identify
from plugins.module_utils.reingest.sources.reader import read_records
from plugins.module_utils.reingest.sources.reading import Reading

ROWS = [{"a": str(number)} for number in range(200_000)]  # more than one request of a read


@pytest.fixture
def bucket(monkeypatch):
    """Return an empty bucket; its credentials and its server are where boto finds them."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "only-for-tests",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    yield boto3.resource("s3").create_bucket(Bucket="releases")
    server.stop()


def table_of(url):
    return Table("t", "source", sources=(url,), reading=Reading("csv"))


def text(rows):
    return "".join(["a\n", *(f"{row['a']}\n" for row in rows)]).encode()


def put(bucket, name, content):
    bucket.put_object(Key=f"r1/{name}", Body=content)


def sources_of(table, folder):
    return find_sources(table.sources, table.reading, folder)


def read(url, folder):
    table = table_of(url)
    found = sources_of(table, folder)
    return [record for source in found for _, record in read_records(table.reading, source)]


def test_plain_and_packed_files_and_globs_are_read(bucket, tmp_path):
    put(bucket, "one.csv", text(ROWS))
    put(bucket, "two.csv.gz", gzip.compress(text(ROWS[:2])))
    put(bucket, "three.csv", text(ROWS[5:6]))
    assert read("s3://releases/r1/one.csv", tmp_path) == ROWS
    assert read("s3://releases/r1/two.csv.gz", tmp_path) == ROWS[:2]
    assert read("s3://releases/r1/t*", tmp_path) == [ROWS[5], *ROWS[:2]]


def test_a_file_that_is_another_one_after_it_was_read_is_refused(bucket, tmp_path):
    put(bucket, "one.csv", text(ROWS[:2]))
    known = identify(sources_of(table_of("s3://releases/r1/one.csv"), tmp_path), tmp_path)
    check_unchanged(known.values())
    put(bucket, "one.csv", text(ROWS[2:4]))
    with pytest.raises(Refusal, match=r"source s3://releases/r1/one\.csv was changed while it was read"):
        check_unchanged(known.values())


@pytest.mark.parametrize("name", ["none.csv", "none*.csv"])
def test_a_file_that_is_not_there_is_refused(bucket, tmp_path, name):
    with pytest.raises(Refusal, match=r"source s3://releases/r1/none.* does not exist"):
        identify(sources_of(table_of(f"s3://releases/r1/{name}"), tmp_path), tmp_path)
