"""`rephrase swarm fit`: from results to the components of run.yaml, and what is wrong with results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from rephrase.cli.main import main
from rephrase.cli.swarm_tables import components_yaml, sentences, whole_steps
from rephrase.evidence.fitting import fit_results
from rephrase.evidence.results import Row, write_rows
from rephrase.evidence.swarm import Mixture, Part, Swarm
from rephrase.mixing.settings import Mix

NAMES = ("original edu>=2", "wrap/*", "rest")
SETTINGS = ({"origin": "original", "min_scores": {"edu": 2.0}}, {"recipe": "wrap/*", "max_epochs": 4.0}, {"origin": "original"})
PRESENT = (0.5, 0.3, 0.2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dice = np.random.default_rng(1)
    drawn = [PRESENT, *(tuple(shares.tolist()) for shares in dice.dirichlet(np.ones(3), 15))]
    parts = tuple(
        Part(name, settings, 0.0, high, present)
        for name, settings, high, present in zip(NAMES, SETTINGS, (0.8, 1.0, 1.0), PRESENT, strict=True)
    )
    swarm = Swarm(1000, parts, tuple(Mixture(f"{number:03d}", shares) for number, shares in enumerate(drawn)), {})
    swarm.save(str(tmp_path))
    rows = []
    for mixture in swarm.mixtures:
        for seed in ("0", "1"):
            web = 1 + np.exp(np.dot(mixture.shares, [-1.0, -0.2, 0.4])) + dice.normal() * 0.003
            code = 2 - 0.1 * mixture.shares[1]
            measures = {"bits_per_byte:web": web, "bits_per_byte:code": code}
            rows.append(Row(mixture.name, seed, swarm.shares_of(mixture), measures))
    write_rows(str(tmp_path / "results.csv"), rows)
    return tmp_path


def test_the_proposal_is_a_mixture_for_run_yaml(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["swarm", "fit", str(folder / "results.csv"), "--resamples", "40", "--to", str(folder / "proposed.yaml")])
    out = capsys.readouterr().out
    printed = yaml.safe_load(out[out.index("components:") :])
    assert yaml.safe_load((folder / "proposed.yaml").read_text()) == printed
    mix = Mix.model_validate(printed)
    assert [component.name for component in mix.components] == list(NAMES[:2])
    assert mix.components[0].share == pytest.approx(0.8, abs=0.01)  # its bound
    assert mix.components[1].max_epochs == 4
    assert "# nothing of rest" in out
    assert "told from noise" in out
    assert "Seeds of one mixture differ by 0.00" in out


def test_weights_decide_between_measures(folder: Path) -> None:
    from rephrase.evidence.swarm import load_swarm

    fitted = fit_results(load_swarm(str(folder)), str(folder / "results.csv"), [], {"web": 0.0}, None, 0.0, 20, 1)
    assert fitted.form == "linear"  # as its measure was made
    assert fitted.measures == {"web": 0.0, "code": 1.0}
    assert fitted.proposal.shares == pytest.approx([0, 1, 0], abs=1e-3)
    assert fitted.errors["linear"][""].error < 1e-6
    assert (
        components_yaml(fitted)
        == "components:\n  # nothing of original edu>=2\n  - {recipe: wrap/*, max_epochs: 4.0, share: 1.0}\n  # nothing of rest"
    )
    assert any("so much of `wrap/*`" in sentence for sentence in sentences(fitted))


def test_shares_in_steps_sum_to_one() -> None:
    for shares in np.random.default_rng(2).dirichlet(np.ones(7), 50):
        steps = whole_steps(shares.tolist())
        assert round(sum(steps), 10) == 1
        assert np.abs(np.array(steps) - shares).max() <= 1e-4
    assert sum(whole_steps([1 / 3] * 3)) == 1


@pytest.mark.parametrize(
    ("change", "words", "message"),
    [
        (lambda text: text.replace("001,0,", "777,0,", 1), [], "no mixture `777`"),
        (lambda text: "\n".join(text.splitlines()[:5]), [], "2 mixtures, and a fit of 3 components needs 4"),
        (lambda text: "\n".join(text.splitlines()[:9]), ["--form", "log-linear"], "needs 5"),
        (lambda text: text.replace("bits_per_byte:", "bits:"), [], "no figures in it"),
        (lambda text: text.replace("2.", "two", 1), [], "line 4: `two"),
        (lambda text: text, ["--measure", "arc"], "no column `arc`"),
        (lambda text: text, ["--weight", "wob=2"], "no measure `wob`"),
        (lambda text: text, ["--weight", "web"], "not NAME=X"),
        (lambda text: text, ["--weight", "web=0", "--weight", "code=0"], "all weights are 0"),
        (lambda text: text, ["--swarm", "nowhere"], "there is no swarm here"),
        (lambda text: text.replace("mixture,", "name,", 1), [], "no column `mixture`"),
        (lambda text: text.replace(",0.5,", ",0.6,", 1), [], "a share of 0.6 of `original edu>=2`, and 0.5"),
    ],
)
def test_what_is_wrong_with_results_is_told_with_its_place(
    change, words, message, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "results.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(SystemExit) as end:
        main(["swarm", "fit", str(path), "--resamples", "2", *words])
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_a_proposal_replaces_no_other_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = folder / "run.yaml"
    config.write_text("output: out\n")
    with pytest.raises(SystemExit):
        main(["swarm", "fit", str(folder / "results.csv"), "--resamples", "2", "--to", str(config)])
    assert f"{config}: something else is there" in capsys.readouterr().err
    assert config.read_text() == "output: out\n"
    for _ in range(2):
        main(["swarm", "fit", str(folder / "results.csv"), "--resamples", "2", "--to", str(folder / "proposed.yaml")])


@pytest.mark.parametrize("words", [["fit"], ["a.yaml", "b.yaml"], []])
def test_a_run_or_results_are_asked_for(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["swarm", *words])
    assert "results" in capsys.readouterr().err
