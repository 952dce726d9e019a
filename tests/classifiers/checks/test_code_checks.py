"""The checks `lint`, `licence_header` and `secrets` on programs."""

from __future__ import annotations

import json
import pickle
import string
from pathlib import Path

import numpy as np
import pytest

from classifiers.batch import Check
from classifiers.cascade import build_cascade
from classifiers.checks.licence_header import LicenceHeader, LicenceHeaderSettings, rules_at_head
from classifiers.checks.lint import Lint, LintSettings, scores_of
from classifiers.checks.secrets import Secrets, SecretsSettings
from classifiers.settings import filter_of
from rephrase.errors import UserError
from tests.classifiers.batches import batch

BUOYS = (Path(__file__).parents[1] / "programs" / "buoys.py").read_text()
POOR = """import os, sys
def F(a, b):
    try:
        x = undefined_name  # noqa
    except:
        pass
    if a == None: return 1
    else: return eval(b)
"""
APACHE = '# Copyright 2019 The Keepers\n#\n# Licensed under the Apache License, Version 2.0 (the\n# "License")\n\n'


def scores(check: Check, texts: list[str], **columns: object) -> tuple[dict[str, list[float]], list[bool]]:
    result = check(batch(texts, **{"languages": ["Python"] * len(texts), **columns}))
    return {name: values.tolist() for name, values in result.scores.items()}, result.keep.tolist()


def test_lint_keeps_clean_programs_and_rejects_poor_ones() -> None:
    given, keep = scores(Lint("lint", LintSettings()), [BUOYS, POOR, "x = (1", f"A page.\n\n```python\n{POOR}```\n", "x = 1\n"])
    assert keep == [True, False, False, False, True]
    assert given["lint"][0] > 9
    assert given["lint"][1] == 0
    assert given["lint"][2] == 0
    fenced = Lint("lint", LintSettings(fenced=True))
    given, keep = scores(fenced, [f"```\n{BUOYS}```\n\nand\n\n```python\n{POOR}```\n", "It prints."])
    assert (given["lint"][0], np.isnan(given["lint"][1]), keep) == (0, True, [False, True])


def test_lint_says_why_it_has_no_score() -> None:
    texts = ["int x;", BUOYS, POOR]
    given, keep = scores(Lint("lint", LintSettings(max_characters=len(POOR))), texts, languages=["C", "Python", "Python"])
    np.testing.assert_array_equal(given["lint.other_language"], [1, np.nan, np.nan])
    np.testing.assert_array_equal(given["lint.too_long"], [np.nan, 1, np.nan])
    assert keep == [True, True, False]
    nested = "x = " + "[" * 90 + "]" * 90 + "\n" + "y = " + "not " * 3000 + "1\n"
    given, _ = scores(Lint("lint", LintSettings()), [nested, BUOYS])
    assert given["lint"][1] > 9


@pytest.mark.parametrize(
    ("head", "rules"),
    [
        (APACHE, {"apache", "copyright"}),
        ("#!/usr/bin/env python\n# SPDX-License-Identifier: GPL-3.0-or-later\n", {"spdx", "gpl"}),
        ("/*\n * Permission is hereby granted, free of charge, to any\n * person\n */\n", {"mit"}),
        ("// (c) 2021 Keepers. All rights reserved.\n", {"copyright", "reserved"}),
        ('"""Lamps.\n\nThis program is under the GNU Affero General\nPublic License.\n"""\n', {"agpl"}),
        ("<!-- Mozilla Public License -->\n", {"mpl"}),
        ("# A copy right of way.\n\nprint(1)\n# Copyright 2019 Keepers\n", set()),
        ('print("""\nCopyright 2019\n""")\n', set()),
        ("", set()),
    ],
)
def test_licences_at_the_head_are_told(head: str, rules: set[str]) -> None:
    given, keep = scores(LicenceHeader("licence_header", LicenceHeaderSettings()), [f"{head}x = 1\n"])
    assert {name.removeprefix("licence_header.") for name in given if "." in name} == rules
    assert given["licence_header"] == [len(rules)]
    assert keep == [not rules]


def test_a_licence_of_the_document_is_no_fault_and_some_may_be_allowed() -> None:
    check = LicenceHeader("licence_header", LicenceHeaderSettings())
    assert scores(check, [f"{APACHE}x = 1", "/* MIT License: the MIT license */"], sources=APACHE)[1] == [True, False]
    check = LicenceHeader("licence_header", LicenceHeaderSettings(reject=("gpl", "agpl")))
    assert scores(check, [f"{APACHE}x = 1", "# GNU General Public License\n"], sources="")[1] == [True, False]
    with pytest.raises(UserError, match="did you mean `apache`"):
        filter_of([{"licence_header": {"reject": ["apach"]}}])


def secret(prefix: str, size: int) -> str:
    return prefix + (string.ascii_letters + string.digits)[7 : 7 + size]


def test_secrets_are_found_and_stand_ins_are_not() -> None:
    keys = [
        f'aws = "{secret("AKIA", 0)}Q7XK2MZPW4TB9RLC"',
        f'token = "{secret("ghp_", 36)}"',
        "-----BEGIN RSA PRIVATE KEY-----",
        "url = 'postgres://keeper:h4rb0ur@db.example.org/ships'",
        " " * 5_000 + secret("ghp_", 36) + " " * 5_000,
    ]
    none = [
        "x = 1",
        "url = 'postgres://keeper:${PASSWORD}@db/ships'",
        'password = os.environ["PASSWORD"]',
        "0123456789abcdef" * 9,
        "a" * 3_000,
    ]
    check = Secrets("secrets", SecretsSettings())
    given, keep = scores(check, [*keys, *none, "\n".join(keys)])
    assert keep == [False] * len(keys) + [True] * len(none) + [False]
    assert given["secrets"][-1] >= 4
    assert {"secrets.aws_access_key", "secrets.github_token", "secrets.private_key", "secrets.basic_auth_credentials"} <= given.keys()
    assert scores(Secrets("secrets", SecretsSettings(max=9)), ["\n".join(keys)])[1] == [True]


def test_guesses_are_made_where_they_are_asked_for() -> None:
    text = 'password = "tr0ub4dor&3"\n'
    assert scores(Secrets("secrets", SecretsSettings()), [text])[1] == [True]
    given, keep = scores(Secrets("secrets", SecretsSettings(skip=())), [text])
    assert (given["secrets.secret_keyword"], keep) == ([1], [False])
    with pytest.raises(UserError, match="no kind of secrets"):
        Secrets("secrets", SecretsSettings(skip=("passwords",)))


def test_what_scores_depend_on_is_noted_and_checks_travel() -> None:
    cascade = build_cascade(filter_of(["compiles", "lint", "licence_header", "secrets"]))
    notes = {check["name"]: check["settings"] for check in json.loads(json.dumps(cascade.describe()))}
    assert {"Python", "Rust", "C#"} <= notes["compiles"]["grammars"].keys()
    assert notes["lint"]["ruff"]
    assert notes["secrets"]["detect-secrets"]
    verdicts, _ = pickle.loads(pickle.dumps(cascade)).judge(batch([BUOYS, "x = (", f"{APACHE}x = 1\n"], "", languages=["Python"] * 3))
    assert verdicts == ["keep", "compiles", "licence_header"]


@pytest.mark.parametrize(
    "head",
    [
        "<?php\n/* {} */",
        "<?xml version='1.0'?>\n<!-- {} -->",
        "<!DOCTYPE html>\n<!-- {} -->",
        "\ufeff# {}",
        'r"""{}"""',
        "'use strict';\n// {}",
    ],
)
def test_what_must_stand_before_comments_does_not_hide_a_licence(head):
    assert rules_at_head(head.format("Under the GNU General Public License.")) == {"gpl"}
    assert rules_at_head(f"<?php\n$x = 1;\n{head.format('Under the GNU General Public License.')}") == set()


def test_a_byte_order_mark_is_no_fault_of_python():
    assert scores_of(["\ufeffx = 1\n"]) == [10.0]
