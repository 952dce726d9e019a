"""What commands print, wherever it goes, and the numbers that their options take."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest

from rephrase.cli.main import main
from rephrase.live.plain_console import PlainConsole
from tests.places import EXAMPLES

COMMAND = [sys.executable, "-m", "rephrase.cli.main", "config"]


def test_a_reader_that_goes_away_ends_a_command_without_a_word():
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()  # as `head -1` does once it has its line
    assert process.stderr.read() == b""
    assert process.wait() == 1


def test_a_full_disk_is_told_in_one_line():
    with open("/dev/full", "wb") as full:
        process = subprocess.run(COMMAND, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert process.stderr == "rephrase: standard output: cannot write: No space left on device\n"
    assert process.returncode == 2


@pytest.mark.parametrize("text", ["out[1]/[bold]x[/y]", "a :key: of :smile:", "half a pair"])
def test_texts_of_others_are_printed_as_they_are(text, capsys):
    PlainConsole(width=80).print(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_what_would_steer_the_terminal_is_spelled_out(capsys):
    PlainConsole(width=80).print("red \x1b[31m, a name \udcff that is no UTF-8, turned \u202eround")
    assert capsys.readouterr().out == "red \\x1b[31m, a name \\udcff that is no UTF-8, turned \\u202eround\n"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("plan --price nan", "--price: nan is not above 0"),
        ("plan --price inf", "--price: inf is too large"),
        ("plan --seed -1", "--seed: -1 is below 0"),
        ("plan --limit 99999999999999999999", "--limit: 99999999999999999999 is too large"),
        ("status --limit 0", "--limit: 0 is not above 0"),
        ("doctor --seconds nan", "--seconds: nan is not above 0"),
        ("doctor --wait 1e300", "--wait: 1e300 is too large"),
        ("doctor --wait soon", "--wait: `soon` is no number"),
    ],
)
def test_a_number_that_none_can_be_is_refused_before_anything_is_read(options, what, capsys):
    command, *others = options.split()
    with pytest.raises(SystemExit) as ended:
        main([command, "nowhere.yaml", *others])
    assert ended.value.code == 2
    assert what in capsys.readouterr().err


PREVIEW = f"preview tinystories/story -n 1 --tokenizer {EXAMPLES}/tokenizer.json"
LONG = ("--help", "export --help", "config", "config engine", "recipes", "recipes mind", "recipes show wrap/easy", PREVIEW)


@pytest.mark.parametrize("command", LONG)
def test_what_is_long_fits_a_pipe_of_eighty_columns_and_a_terminal_as_wide_as_it_is(command, capsys, monkeypatch):
    for columns in (None, 75, 150):
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns:
            monkeypatch.setenv("COLUMNS", str(columns))
        with contextlib.suppress(SystemExit):
            main(command.split())
        longest = max(capsys.readouterr().out.splitlines(), key=len)
        assert len(longest) <= (columns or 80), longest
