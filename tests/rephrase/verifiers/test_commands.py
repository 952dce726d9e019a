"""A command of the user's as the verifier: what it says, and what it may not use up."""

from __future__ import annotations

import pytest

from rephrase.engines.processes import Process
from rephrase.errors import UserError
from rephrase.recipes.use import RecipeUse
from rephrase.settings.validation import validate
from rephrase.verifiers.kinds import Verifier
from tests.rephrase.engines.vllm.test_servers import wait_until


def test_a_command_says_yes_by_its_exit_code(tmp_path):
    assert Verifier("command", command="grep -q QED").verify("Thus QED.", "").right
    assert not Verifier("command", command="grep -q QED").verify("I give up.", "").right
    slow = Verifier("command", command="sleep 20", seconds=0.5).verify("x", "")
    assert slow.reason == "timeout: not done after 0.5 s"
    (tmp_path / "prover").write_text("#!/bin/sh\nsleep 60 &\necho $! > $EXPECTED\nexit 1\n")
    (tmp_path / "prover").chmod(0o755)
    assert not Verifier("command", command=str(tmp_path / "prover")).verify("x", str(tmp_path / "pid")).right
    child = Process.of(int((tmp_path / "pid").read_text()))
    wait_until(lambda: not child.alive, 10)  # the kernel takes a moment
    loud = Verifier("command", command="sh -c 'yes no proof | head -n 2000000; exit 1'").verify("x", "")
    assert (loud.right, loud.reason) == (False, "no proof")
    assert "does not start" in Verifier("command", command="/no/such/prover").verify("x", "").reason


@pytest.mark.timeout(60)
def test_a_command_is_stopped_when_it_prints_without_end():
    verdict = Verifier("command", command="yes", seconds=30).verify("x", "")
    assert verdict.reason.startswith("output: more than")


def test_a_command_that_closes_its_output_goes_on():
    assert Verifier("command", command="sh -c 'exec >&- 2>&-; sleep 0.1; exit 3'").verify("x", "").reason == "exit code 3"


def test_what_cannot_stand_in_the_environment_is_no_error_of_the_run():
    assert "does not start" in Verifier("command", command="cat").verify("x", "a\0b").reason


@pytest.mark.parametrize(("command", "what"), [("prover 'x", "No closing quotation"), ("   ", "without words")])
def test_the_words_of_a_command_are_read_with_the_config(command, what):
    with pytest.raises(UserError, match=rf"`command` of `verified/command`: .*{what}"):
        validate(RecipeUse, {"use": "verified/command", "options": {"command": command}}, "recipe `verified/command`")
