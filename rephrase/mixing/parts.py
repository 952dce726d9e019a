"""What each pool gives of its component: by the tokens that it has and a temperature, by weights, or by a curve of quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.mixing.curve import Solved, solve
from rephrase.mixing.grid import Cell, Dimension, Steps, curved
from rephrase.mixing.weights import Row, listed, shown, table_of

if TYPE_CHECKING:
    from rephrase.mixing.component import Component
    from rephrase.mixing.pools import Pool
    from rephrase.mixing.settings import Mix

_WHERE = "mix.components"
_ROUNDING = 1e-9  # of a step's end, which is a sum of floats


@dataclass(frozen=True, slots=True)
class Line:
    """The cells that differ in nothing but the step of the score by which a curve goes. row: their cell in the other dimensions."""

    row: Cell
    places: tuple[int, ...]  # among the component's pools, by their steps; texts without the score are in none of them, and give nothing


def parts_of(
    component: Component, cells: Sequence[Cell], tokens: Sequence[int], whole: Fraction | None, *, skip_empty: bool
) -> list[Fraction]:
    """The part of the component that each of its pools gives; they sum to 1, unless the component has no text.

    cells, tokens: of each pool. whole: the component's tokens over all phases, from which a curve follows. skip_empty: weights of cells
    without text go to the others. Raises `UserError` for cells and weights that do not match, and for a curve that cannot give the tokens.
    """
    if not component.dimensions or not any(tokens) or not all(cells):
        return by_temperature(tokens, 1.0)
    if component.curve is None:
        if not component.weights:
            return by_temperature(tokens, component.temperature)
        return _by_weights(component, cells, component.dimensions, tokens, skip_empty=skip_empty)
    solved = solved_curves(component, cells, tokens, whole or Fraction(sum(tokens)), skip_empty=skip_empty)
    parts = [Fraction(0)] * len(cells)
    for line, (part, one) in solved.items():
        given = [epochs * tokens[place] for place, epochs in zip(line.places, one.epochs, strict=True)]
        for place, count in zip(line.places, given, strict=True):
            parts[place] = part * count / sum(given)
    return parts


def by_temperature(tokens: Sequence[int], temperature: float) -> list[Fraction]:
    """Parts in proportion to tokens ** (1 / temperature)."""
    if not any(tokens):
        return [Fraction(0)] * len(tokens)
    if temperature == 1:
        return [Fraction(count, sum(tokens)) for count in tokens]
    most = max(tokens)  # ratios to the largest keep small temperatures within a float
    lifted = [Fraction((count / most) ** (1 / temperature)) for count in tokens]
    whole = sum(lifted)
    return [part / whole for part in lifted]


def bounds_of_epochs(component: Component, cells: Sequence[Cell]) -> list[Fraction]:
    """How often the texts of each pool are taken at most."""
    usual = Fraction(str(component.most_epochs))
    if not component.weights or not all(cells):
        return [usual] * len(cells)
    weighed, rows = _rows(component, cells)
    table = table_of(component.weights, weighed)
    return [table[row].max_epochs or usual if row in table else usual for row in rows]


def max_epochs_of(mix: Mix, pools: Sequence[Pool]) -> list[Fraction]:
    """How often the texts of each pool are taken at most."""
    epochs = [Fraction(0)] * len(pools)
    for index, component in enumerate(mix.selections):
        mine = [place for place, pool in enumerate(pools) if pool.component == index]
        for place, most in zip(mine, bounds_of_epochs(component, [pools[place].cell for place in mine]), strict=True):
            epochs[place] = most
    return epochs


def solved_curves(
    component: Component, cells: Sequence[Cell], tokens: Sequence[int], whole: Fraction, *, skip_empty: bool
) -> dict[Line, tuple[Fraction, Solved]]:
    """The curve of each line of the grid, with the line's part of the component. Lines that give nothing have none."""
    curve = component.curve
    assert curve is not None
    dimensions = component.dimensions
    place = curved(dimensions, curve)
    score, others = dimensions[place], [one for number, one in enumerate(dimensions) if number != place]
    assert isinstance(score, Steps)
    lines = _lines(cells, tokens, place)
    of_line = [sum(tokens[pool] for pool in line.places) for line in lines]
    if component.weights:
        parts = _by_weights(component, [line.row for line in lines], others, of_line, skip_empty=skip_empty)
    else:
        parts = by_temperature(of_line, component.temperature)
    epochs = dict(zip([line.row for line in lines], bounds_of_epochs(component, [cells[line.places[0]] for line in lines]), strict=True))
    solved: dict[Line, tuple[Fraction, Solved]] = {}
    short: list[tuple[Line, int, Fraction]] = []  # with the tokens that are left and the target
    for line, part in zip(lines, parts, strict=True):
        if not part:
            continue
        steps, counts = [cells[pool][place] for pool in line.places], [tokens[pool] for pool in line.places]
        dropped = dropped_steps(score, [step for step in steps if isinstance(step, int)], counts, curve.drop_below)
        one = solve(counts, dropped, part * whole, epochs[line.row], curve.shape)
        if one is None:
            short.append((line, sum(counts[dropped:]), part * whole))
        else:
            solved[line] = part, one
    if short:
        raise _too_little(component, short, others, epochs, whole)
    return solved


def dropped_steps(score: Steps, steps: Sequence[int], tokens: Sequence[int], drop_below: float) -> int:
    """How many of the steps that hold texts, from the lowest, are left out: whole ones, that end at or before `drop_below`.

    A quantile ends where its number says, which rounding to whole texts does not move; steps between edges where their tokens end.
    """
    if score.quantiles:
        ends = [step / score.quantiles for step in steps]
    else:
        ends = [sum(tokens[: place + 1]) / max(sum(tokens), 1) for place in range(len(tokens))]
    return sum(end <= drop_below + _ROUNDING for end in ends)


def _lines(cells: Sequence[Cell], tokens: Sequence[int], place: int) -> list[Line]:
    rows: dict[Cell, list[int]] = {}
    for pool, cell in enumerate(cells):
        rows.setdefault(cell[:place] + cell[place + 1 :], []).append(pool)
    lines = []
    for row, pools in rows.items():
        with_step = sorted((pool for pool in pools if cells[pool][place] is not None and tokens[pool]), key=lambda p: cells[p][place] or 0)
        if with_step:
            lines.append(Line(row, tuple(with_step)))
    return lines


def _rows(component: Component, cells: Sequence[Cell]) -> tuple[list[Dimension], list[Cell]]:
    """The dimensions that weights have a column for, and each cell in them."""
    dimensions = component.dimensions
    if component.curve is None:
        return dimensions, list(cells)
    place = curved(dimensions, component.curve)
    return [*dimensions[:place], *dimensions[place + 1 :]], [cell[:place] + cell[place + 1 :] for cell in cells]


def _by_weights(
    component: Component, cells: Sequence[Cell], dimensions: Sequence[Dimension], tokens: Sequence[int], *, skip_empty: bool
) -> list[Fraction]:
    table = table_of(component.weights, dimensions)
    there = {cell for cell, count in zip(cells, tokens, strict=True) if count}
    missing = [cell for cell in cells if cell in there and cell not in table]
    if missing and component.others is None:
        raise UserError(
            f"`weights` of `{component.name}` has no row for {listed(missing, dimensions)}",
            where=_WHERE,
            cure="add rows, or `others: 0` to leave out what the table lacks",
        )
    empty = [cell for cell, row in table.items() if row.weight and cell not in there]
    if empty and (not skip_empty or not any(table[cell].weight for cell in there & set(table))):
        raise UserError(
            f"`weights` of `{component.name}` has a weight for {listed(empty, dimensions)}, where no text is",
            where=_WHERE,
            cure="mend the values, give the weight 0, or set mix.skip_empty",
        )
    others = Row(Fraction(str(component.others or 0)), None)
    weights = [table.get(cell, others).weight if count else Fraction(0) for cell, count in zip(cells, tokens, strict=True)]
    whole = sum(weights)
    if not whole:
        raise UserError(f"`weights` of `{component.name}` leaves all texts out", where=_WHERE, cure="give a cell that has texts a weight")
    return [weight / whole for weight in weights]


def _too_little(
    component: Component,
    short: Sequence[tuple[Line, int, Fraction]],
    others: Sequence[Dimension],
    epochs: Mapping[Cell, Fraction],
    whole: Fraction,
) -> UserError:
    """The error of lines whose steps above the ones that are left out do not suffice."""
    curve = component.curve
    assert curve is not None
    line, kept, target = max(short, key=lambda one: one[2] / max(one[1] * epochs[one[0].row], Fraction(1)))
    of = f" of {shown(line.row, others)}" if line.row else ""
    more = f"; so it is with {listed([one.row for one, _, _ in short if one is not line], others)}" if len(short) > 1 else ""
    fits = min(left * epochs[one.row] / target for one, left, target in short)
    most = f"{float(epochs[line.row]):g} times"
    cure = f"give `{component.name}` at most {math.floor(fits * whole):,} tokens"
    if kept:
        cure += f", set max_epochs to at least {math.ceil(float(target / kept) * 1000) / 1000:g}"
    if curve.drop_below:
        cure += ", or drop less"
    return UserError(
        f"the curve of `{component.name}` shall give {round(target):,} tokens{of}, and {kept:,} are left of them, "
        f"which are taken {most} at most{more}",
        where=_WHERE,
        cure=cure,
    )
