import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.external_loader.judge import compile_patterns
from plugins.module_utils.reingest.external_loader.log import loader_log


def kept(folder, *blocks, secrets=()):
    with loader_log(folder, compile_patterns(), secrets) as log:
        for block in blocks:
            log.take(block)
        log.end()
    return log.path.read_text().splitlines(), log.judge


def test_lines_are_put_together_from_blocks_and_empty_ones_left_out(tmp_path):
    lines, judge = kept(tmp_path, b"one\r\nt", b"wo\n\nthree\rfo", b"ur")
    assert lines == ["one", "two", "three", "four"]
    assert judge.lines == 4


def test_an_error_that_is_cut_by_a_block_is_found(tmp_path):
    assert "line 1: an ERROR" in kept(tmp_path, b"an ER", b"ROR")[1].reason


def test_secrets_are_masked_in_the_file_and_in_what_is_judged(tmp_path):
    lines, judge = kept(tmp_path, b"ERROR: to", b"ken refused", secrets=["token"])
    assert lines == ["ERROR: *** refused"]
    assert "token" not in judge.reason


def test_bytes_that_are_no_text_are_replaced(tmp_path):
    assert kept(tmp_path, b"caf\xe9\n")[0] == ["caf\N{REPLACEMENT CHARACTER}"]


def test_a_line_without_an_end_is_kept_in_pieces(tmp_path):
    lines, _ = kept(tmp_path, b"x" * 200_000)
    assert sum(map(len, lines)) == 200_000
    assert max(map(len, lines)) <= 1 << 16


def test_the_log_is_for_its_owner_only(tmp_path):
    kept(tmp_path / "run", b"one\n")
    assert (tmp_path / "run/loader.log").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(Refusal, match="correct reingest_work"):
        kept(tmp_path / "run", b"")
