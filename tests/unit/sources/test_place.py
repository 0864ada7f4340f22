"""A source is a regular file in a folder that was declared, by whatever name it is reached."""

from __future__ import annotations

import os
import socket
import sqlite3
from pathlib import Path

import pytest

from plugins.module_utils.reingest.dataset.document import read_document
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.script import read_script
from plugins.module_utils.reingest.sources.files import find_sources
from plugins.module_utils.reingest.sources.reading import Reading

pytestmark = pytest.mark.attack


@pytest.fixture
def folder(tmp_path):
    """Return the folder of sources; beside it lies a folder with files that are none."""
    (tmp_path / "secret/deep").mkdir(parents=True)
    (tmp_path / "secret/a.csv").write_text("a\nhidden\n")
    (tmp_path / "secret/deep/a.csv").write_text("a\nhidden\n")
    sqlite3.connect(tmp_path / "secret/a.db").close()
    (tmp_path / "secret/a.db").touch()
    made = tmp_path / "release"
    made.mkdir()
    (made / "good.csv").write_text("a\n1\n")
    return made


def link_file(folder):
    (folder / "a.csv").symlink_to(folder.parent / "secret/a.csv")


def link_folder(folder):
    (folder / "in").symlink_to(folder.parent / "secret")


def link_inside_a_folder(folder):
    (folder / "in").mkdir()
    (folder / "in/a.csv").symlink_to(folder.parent / "secret/a.csv")


def nothing(folder):
    pass


WAYS = {
    "dots": (nothing, "../secret/a.csv"),
    "dots in a glob": (nothing, "../secret/*.csv"),
    "an absolute path": (nothing, "{home}/secret/a.csv"),
    "an absolute folder": (nothing, "{home}/secret/deep"),
    "a URL of a file": (nothing, "file://{home}/secret/a.csv"),
    "a URL of this host": (nothing, "file://localhost{home}/secret/a.csv"),
    "a URL with a glob": (nothing, "file://{home}/secret/*.csv"),
    "a link": (link_file, "a.csv"),
    "a link in a glob": (link_file, "*.csv"),
    "a link to a folder": (link_folder, "in/a.csv"),
    "a link in a recursive glob": (link_folder, "in/**/*.csv"),
    "a folder that is a link": (link_folder, "in/deep"),
    "a link in a folder": (link_inside_a_folder, "in"),
    "an SQLite file": (nothing, "sqlite:////{home}/secret/a.db"),
    "an SQLite file by dots": (nothing, "sqlite:///../secret/a.db"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_leads_out_is_refused_and_taken_where_the_operator_declares_it(folder, way):
    make, pattern = way
    make(folder)
    reading = Reading("csv", table="t")
    patterns = [pattern.format(home=folder.parent)]
    with pytest.raises(Refusal, match="reingest_source_roots"):
        find_sources(patterns, reading, folder)
    assert find_sources(patterns, reading, folder, [folder.parent / "secret"])


@pytest.mark.parametrize("url", ["sqlite+pysqlite:////{home}/secret/a.db", "SQLite:////{home}/secret/a.db"])
def test_an_sqlite_file_has_one_way_to_be_named(folder, url):
    with pytest.raises(Refusal, match="sqlite:///its/path"):
        find_sources([url.format(home=folder.parent)], Reading(table="t"), folder)


def test_a_url_of_another_host_s_file_is_refused(folder):
    with pytest.raises(Refusal, match="no file of this host"):
        find_sources(["file://elsewhere/a.csv"], Reading("csv"), folder)


def test_a_link_that_stays_inside_is_a_source(folder):
    (folder / "today.csv").symlink_to("good.csv")
    assert find_sources(["today.csv"], Reading("csv"), folder) == (folder / "today.csv",)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


SPECIAL = {
    "a FIFO": os.mkfifo,
    "a socket": make_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("pattern", ["in/x.csv", "in/*.csv", "in"])
def test_what_is_no_file_is_refused_and_not_waited_for(folder, kind, pattern):
    (folder / "in").mkdir()
    SPECIAL[kind](folder / "in/x.csv")
    with pytest.raises(Refusal, match=f"is {kind}"):
        find_sources([pattern], Reading("csv"), folder, [Path("/dev")])


def test_a_circle_of_links_is_refused(folder):
    (folder / "a.csv").symlink_to("b.csv")
    (folder / "b.csv").symlink_to("a.csv")
    with pytest.raises(Refusal):
        find_sources(["*.csv"], Reading("csv"), folder)


@pytest.mark.parametrize("kind", SPECIAL)
def test_a_dataset_and_a_schema_that_are_no_files_are_refused(folder, kind):
    SPECIAL[kind](folder / "x")
    with pytest.raises(Refusal, match=f"is {kind}"):
        read_document(folder / "x")
    with pytest.raises(Refusal, match=f"is {kind}"):
        read_script(folder / "x", "the schema")


@pytest.mark.parametrize("read", [read_document, lambda path: read_script(path, "the schema")])
def test_a_dataset_and_a_schema_that_are_longer_than_memory_are_refused(folder, read):
    (folder / "x").touch()
    os.truncate(folder / "x", 1 << 42)
    with pytest.raises(Refusal, match="x is longer than"):
        read(folder / "x")
