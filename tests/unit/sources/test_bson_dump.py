import datetime
import gzip

import bson
import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.bad import Bad
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


def test_no_part_of_a_value_vanishes(source):
    ticks = [bson.Timestamp(1_700_000_000, 1), bson.Timestamp(1_700_000_000, 2)]
    documents = [{"at": tick} for tick in ticks]
    documents += [{"re": bson.Regex("^a.b", "im")}, {"re": bson.Regex("^a.b")}]
    documents += [{"js": bson.Code("x + 1", {"x": bson.Int64(1)})}, {"js": bson.Code("1")}]
    path = source(b"".join(map(bson.encode, documents)))
    assert [document for _, document in read_bson(path, BSON)] == [
        {"at": "2023-11-14 22:13:20.000001+00:00"},
        {"at": "2023-11-14 22:13:20.000002+00:00"},
        {"re": "(?im)^a.b"},
        {"re": "^a.b"},
        {"js": {"$code": "x + 1", "$scope": {"x": 1}}},
        {"js": "1"},
    ]


def test_an_increment_that_a_time_cannot_tell_is_told(source):
    ((number, bad),) = read_bson(source(bson.encode({"at": bson.Timestamp(1, 1_000_000)})), BSON)
    assert (number, "the increment 1000000 of a Timestamp is more" in bad.reason) == (1, True)


@pytest.mark.parametrize(
    "document", [{"aa": 1, "ab": 2}, {"in": {"aa": 1, "ab": 2}}, {"l": [{"aa": 1, "ab": 2}]}]
)
def test_a_key_that_is_there_twice_is_told_where_that_is_declared(source, document):
    path = source(bson.encode(document).replace(b"ab\0", b"aa\0") + bson.encode(document))
    assert not isinstance(next(iter(read_bson(path, BSON)))[1], Bad)
    (_, told), (number, good) = read_bson(path, Reading("bson", unique_keys=True))
    assert "the key 'aa' is there twice" in told.reason
    assert (number, good) == (2, document)
