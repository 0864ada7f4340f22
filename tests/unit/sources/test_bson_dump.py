import datetime
import gzip

import bson
import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.bson_dump import read_bson
from plugins.module_utils.reingest.sources.reading import Reading

BSON = Reading("bson")
ID = bson.ObjectId("5f43a0b1c2d3e4f5a6b7c8d9")


def test_documents_have_the_texts_that_postgresql_reads(source):
    moment = datetime.datetime(2020, 2, 29, 1, 2, 3, 4000, datetime.timezone.utc)
    document = {"_id": ID, "n": Int64(7), "d": Decimal128("1.50"), "at": moment, "in": {"raw": [b"\x01"]}}
    path = source(gzip.compress(bson.encode(document) + bson.encode({})), "a.bson.gz")
    expected = {
        "_id": str(ID),
        "n": 7,
        "d": "1.50",
        "at": "2020-02-29 01:02:03.004000+00:00",
        "in": {"raw": ["\\x01"]},
    }
    assert list(read_bson(path, BSON)) == [(1, expected), (2, {})]


def test_a_spoilt_document_is_told_and_reading_goes_on(source):
    spoilt = bytearray(bson.encode({"a": "text"}))
    spoilt[4] = 0x7E  # no type of BSON
    (number, bad), last = read_bson(source(bytes(spoilt) + bson.encode({"a": 1})), BSON)
    assert (number, last) == (1, (2, {"a": 1}))
    assert bad.reason.startswith("not BSON: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bson.encode({"a": 1})[:-1], "is truncated: it ends inside document 1"),
        (bson.encode({"a": 1}) + b"\x05\0", "is truncated: it ends inside document 2"),
        (b"\xff\xff\xff\xff", ":1: -1 is no length of a document"),
        (b"\x00\x00\x00\x70aaaa", ":1: 1879048192 is no length of a document"),
    ],
)
def test_a_dump_whose_next_document_cannot_be_found_is_refused(source, content, message):
    with pytest.raises(Refusal) as caught:
        list(read_bson(source(content), BSON))
    assert message in str(caught.value)
