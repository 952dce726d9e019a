"""Figures of mixtures as functions of their shares: the published forms, fitted by least squares, and their error on mixtures held out.

linear: y = a r. What RegMix compares its trees with (Liu et al. 2024, arXiv 2407.01492).
log-linear: y = c + exp(t r), c at least 0: the data mixing law (Ye et al. 2024, arXiv 2403.16952) without its factor k, which is part
of t where shares sum to 1; what Olmix fits (Chen et al. 2026, arXiv 2602.12237).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Form = Literal["linear", "log-linear"]
FORMS: tuple[Form, ...] = ("linear", "log-linear")

_CONSTANTS = 6  # values of c from which a fit is begun
_STEPS = 100  # of Levenberg and Marquardt's method
_FOLDS = 10
_EACH = 64  # mixtures up to which each is held out alone


@dataclass(frozen=True, slots=True)
class Fit:
    """One measure by shares. slopes: a or t, shape (components,)."""

    form: Form
    constant: float
    slopes: NDArray[np.float64]

    def predict(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of mixtures, shape (mixtures, components). Shape: (mixtures,)."""
        inner = shares @ self.slopes
        return inner if self.form == "linear" else self.constant + np.exp(np.minimum(inner, 700))


@dataclass(frozen=True, slots=True)
class HeldOutError:
    """How a form predicts mixtures that it was not fitted on.

    error, of_mean: the root of the mean square, of the form and of the mean of all other mixtures. rank: Spearman's correlation.
    """

    error: float
    of_mean: float
    rank: float


def parameters_of(form: Form, components: int) -> int:
    """How many numbers a form fits."""
    return components + (form == "log-linear")


def fit(form: Form, shares: NDArray[np.float64], values: NDArray[np.float64], start: Fit | None = None) -> Fit:
    """The form that is nearest to the values, shape (mixtures,). `start`: a fit to begin with; default: several beginnings."""
    if form == "linear":
        return Fit(form, 0.0, _least_squares(shares, values))
    if start is not None:
        begun = [(min(start.constant, 0.98 * values.min()), start.slopes)]
    else:
        constants = np.linspace(0, 0.98, _CONSTANTS) * values.min()
        begun = [(float(c), _least_squares(shares, np.log(values - c))) for c in constants]
    ends = [_descend(shares, values, constant, slopes) for constant, slopes in begun]
    _, constant, slopes = min(ends, key=lambda end: end[0])
    return Fit(form, constant, slopes)


def _least_squares(shares: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.lstsq(shares, values, rcond=None)[0], np.float64)


def _descend(
    shares: NDArray[np.float64], values: NDArray[np.float64], constant: float, slopes: NDArray[np.float64]
) -> tuple[float, float, NDArray[np.float64]]:
    """The sum of squares, c and t where Levenberg and Marquardt's method ends from here; c stays between 0 and the least value."""
    ceiling = float(values.min())

    def residuals(point: NDArray[np.float64]) -> NDArray[np.float64]:
        difference: NDArray[np.float64] = point[0] + np.exp(np.minimum(shares @ point[1:], 700)) - values
        return difference

    point = np.array([constant, *slopes])
    rest, damping = residuals(point), 1e-3
    for _ in range(_STEPS):
        raised = np.exp(np.minimum(shares @ point[1:], 700))
        jacobian = np.column_stack([np.ones(len(values)), raised[:, None] * shares])
        normal = jacobian.T @ jacobian
        step = np.linalg.solve(normal + damping * (np.diag(np.diag(normal)) + 1e-12 * np.eye(len(point))), -jacobian.T @ rest)
        other = point + step
        other[0] = min(max(other[0], 0.0), ceiling)
        new = residuals(other)
        if np.isfinite(new).all() and new @ new < rest @ rest:
            gained = (rest @ rest - new @ new) / (rest @ rest)
            point, rest, damping = other, new, max(damping / 5, 1e-12)
            if gained < 1e-9:
                break
        else:
            damping *= 5
            if damping > 1e12:
                break
    return float(rest @ rest), float(point[0]), point[1:]


def held_out_error(form: Form, shares: NDArray[np.float64], values: NDArray[np.float64]) -> HeldOutError:
    """By cross-validation: each mixture is held out once, alone up to 64 mixtures, else in ten folds."""
    count = len(values)
    order = np.random.default_rng(0).permutation(count)
    folds = np.array_split(order, count if count <= _EACH else _FOLDS)
    predicted, means = np.empty(count), np.empty(count)
    for fold in folds:
        rest = np.setdiff1d(order, fold)
        predicted[fold] = fit(form, shares[rest], values[rest]).predict(shares[fold])
        means[fold] = values[rest].mean()
    error, of_mean = (float(np.sqrt(np.mean((guess - values) ** 2))) for guess in (predicted, means))
    return HeldOutError(error, of_mean, _spearman(predicted, values))


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float) for values in (one, other)]
    spread = float(np.std(ranks[0]) * np.std(ranks[1]))
    return float(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())) / spread) if spread else 0.0
