"""From the results of a swarm to the shares that they propose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rephrase.errors import UserError
from rephrase.evidence.fits import FORMS, Form, HeldOutError, held_out_error, parameters_of
from rephrase.evidence.proposal import Limits, Proposal, propose
from rephrase.evidence.results import BITS, Row, read_rows
from rephrase.settings.nearest import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rephrase.evidence.swarm import Swarm


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was fitted to results, and what it proposes.

    measures: by name, with their weights, which sum to 1. errors: of each form that there are mixtures enough for, by measure, and under
    "" that of their weighted mean. trained: the mixtures, with the weighted mean of each. seeds_differ: the standard deviation of that
    mean between the seeds of a mixture; None where each was trained once.
    """

    swarm: Swarm
    measures: dict[str, float]
    trained: dict[str, float]
    seeds_differ: float | None
    form: Form
    errors: dict[Form, dict[str, HeldOutError]]
    proposal: Proposal


def fit_results(
    swarm: Swarm,
    path: str,
    columns: Sequence[str],
    weights: Mapping[str, float],
    form: Form | None,
    stay: float,
    resamples: int,
    seed: int,
) -> Fitted:
    """Fit the measures of a file of results. Raises `UserError` where it lacks rows, or names what the swarm does not have."""
    rows = [row for row in read_rows(path, columns) if row.measures]
    measures = list(dict.fromkeys(name for row in rows for name in row.measures))
    names, shares, values, single = _by_mixture(swarm, rows, measures, path)
    components = len(swarm.parts)
    possible = [one for one in FORMS if len(names) > parameters_of(one, components)]
    if not possible or (form and form not in possible):
        least = parameters_of(form or "linear", components) + 1
        what = f"it has results of {len(names)} mixtures, and a fit of {components} components needs {least} or more"
        raise UserError(what, where=path, cure="train on more of them: `rephrase proxy` goes on where it was")
    shown = {name.removeprefix(BITS): weights.get(name.removeprefix(BITS), weights.get(name, 1.0)) for name in measures}
    unknown = set(weights) - set(shown) - set(measures)
    if unknown:
        raise UserError(f"there is no measure `{min(unknown)}`", where="--weight", cure=nearest(min(unknown), shown))
    weighing = np.array(list(shown.values()))
    if not weighing.sum():
        raise UserError("all weights are 0", where="--weight", cure="give one measure at least a weight")
    weighing = weighing / weighing.sum()
    means = values @ weighing
    errors: dict[Form, dict[str, HeldOutError]] = {}
    for one in possible:
        errors[one] = {name: held_out_error(one, shares, column) for name, column in zip(shown, values.T, strict=True)}
        errors[one][""] = held_out_error(one, shares, means)
    chosen = form or _surest(errors)
    present, lowest, highest = (np.array([getattr(part, name) for part in swarm.parts]) for name in ("present", "lowest", "highest"))
    limits = Limits(present, lowest, highest, stay)
    proposal = propose(chosen, shares, values, weighing, limits, resamples, seed)
    spread = _spread([[float(np.dot(row, weighing)) for row in several] for several in single])
    return Fitted(
        swarm,
        dict(zip(shown, weighing.tolist(), strict=True)),
        dict(zip(names, means.tolist(), strict=True)),
        spread,
        chosen,
        errors,
        proposal,
    )


def _surest(errors: Mapping[Form, Mapping[str, HeldOutError]]) -> Form:
    """The form with the smallest error of all measures together."""
    forms: list[Form] = list(errors)
    return forms[int(np.argmin([errors[form][""].error for form in forms]))]


def _by_mixture(
    swarm: Swarm, rows: Sequence[Row], measures: Sequence[str], path: str
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64], list[list[list[float]]]]:
    """The mixtures that have results, their shares, the means of their seeds, and each seed's measures.

    Shares have the shape (mixtures, components), means (mixtures, measures).
    """
    known = {mixture.name: mixture.shares for mixture in swarm.mixtures}
    by_mixture: dict[str, list[list[float]]] = {}
    for row in rows:
        if row.mixture not in known:
            raise UserError(
                f"the swarm has no mixture `{row.mixture}`", where=path, cure="--swarm names the folder that these results are of"
            )
        for part, share in zip(swarm.parts, known[row.mixture], strict=True):
            if abs(row.shares.get(part.name, share) - share) > 1e-3:
                what = f"`{row.mixture}` has a share of {row.shares[part.name]:g} of `{part.name}`, and {share:g} in the swarm"
                raise UserError(what, where=path, cure="the swarm was drawn anew since: train on its mixtures again")
        lacking = [name for name in measures if name not in row.measures]
        if lacking:
            what = f"the row of `{row.mixture}` has nothing in {', '.join(lacking)}"
            raise UserError(what, where=path, cure="fill it, take the row out, or name the columns by --measure")
        by_mixture.setdefault(row.mixture, []).append([row.measures[name] for name in measures])
    if not by_mixture:
        cure = f"its columns begin with `{BITS}`, or are named by --measure; `rephrase proxy` writes them"
        raise UserError("there are no figures in it", where=path, cure=cure)
    names = list(by_mixture)
    shares = np.array([known[name] for name in names])
    return names, shares, np.array([np.mean(by_mixture[name], axis=0) for name in names]), list(by_mixture.values())


def _spread(values: Sequence[Sequence[float]]) -> float | None:
    """The standard deviation within groups, of all groups together; None where no group has two."""
    freedom = sum(len(several) - 1 for several in values)
    if not freedom:
        return None
    return float(np.sqrt(sum(np.var(several) * len(several) for several in values) / freedom))
