"""Statements of arithmetic as people write them, right ones and wrong ones, made from a seed; and what looks like some and is none."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

Made = tuple[str, str, str]
"""What stands before the result, the right one, and a wrong one."""


def whole(dice: random.Random, low: int = 2, high: int = 60) -> int:
    return dice.randint(low, high)


def near(dice: random.Random, number: int) -> int:
    return number + dice.choice([-10, -2, -1, 1, 2, 9, 10])


def simple(dice: random.Random) -> Made:
    a, b = whole(dice), whole(dice)
    sign, result = dice.choice(
        [
            ("+", a + b),
            ("-", a - b),
            ("−", a - b),
            ("×", a * b),
            ("*", a * b),
            ("x", a * b),
            ("·", a * b),
            ("plus", a + b),
            ("times", a * b),
        ]
    )
    return f"{a} {sign} {b}", str(result), str(near(dice, result))


def closed_up(dice: random.Random) -> Made:
    a, b = whole(dice), whole(dice)
    sign, result = dice.choice([("+", a + b), ("*", a * b), ("×", a * b)])
    return f"{a}{sign}{b}", str(result), str(near(dice, result))


def quotient(dice: random.Random) -> Made:
    a, b = whole(dice), whole(dice, 2, 12)
    sign = dice.choice(["/", "÷", "divided by"]).replace("divided by", "÷")
    return f"{a * b} {sign} {b}", str(a), str(near(dice, a))


def rounded(dice: random.Random) -> Made:
    a, b, digits = whole(dice), dice.choice([3, 6, 7, 9, 11, 13]), dice.choice([2, 3, 4])
    value = f"{a / b:.{digits}f}"
    return f"{a} / {b}", value, f"{a / b + 3 / 10**digits:.{digits}f}"


def decimals(dice: random.Random) -> Made:
    a, b = Fraction(whole(dice, 1, 999), 10), Fraction(whole(dice, 1, 999), 100)
    return f"{float(a)} + {float(b)}", f"{float(a + b)}", f"{float(a + b + Fraction(1, 10))}"


def percent(dice: random.Random) -> Made:
    share, of = dice.choice([5, 10, 20, 25, 50, 75]), whole(dice, 1, 30) * 20
    return f"{share}% of {of}", str(share * of // 100), str(near(dice, share * of // 100))


def discount(dice: random.Random) -> Made:
    share, of = dice.choice([10, 20, 30]), whole(dice, 1, 30) * 100
    return f"{of} × (1 - {share / 100})", str(of * (100 - share) // 100), str(of * (100 - share) // 100 + 10)


def power(dice: random.Random) -> Made:
    a, b = whole(dice, 2, 9), whole(dice, 2, 5)
    raised = dice.choice([f"{a}^{b}", f"{a}**{b}", f"{a}{'⁰¹²³⁴⁵'[b]}", f"${a}^{{{b}}}$"])
    return raised, str(a**b), str(near(dice, a**b))


def root(dice: random.Random) -> Made:
    a = whole(dice, 2, 30)
    return dice.choice([f"√{a * a}", f"\\sqrt{{{a * a}}}", f"sqrt({a * a})"]), str(a), str(a + 1)


def fractions(dice: random.Random) -> Made:
    a, b = Fraction(whole(dice, 1, 9), whole(dice, 2, 9)), Fraction(whole(dice, 1, 9), whole(dice, 2, 9))
    total, wrong = a + b, Fraction(a.numerator + b.numerator, a.denominator + b.denominator)
    if dice.random() < 0.5:
        return f"{tex(a)} + {tex(b)}", tex(total), tex(wrong)
    return f"{a} + {b}", str(total), str(wrong)


def tex(number: Fraction) -> str:
    return f"\\frac{{{number.numerator}}}{{{number.denominator}}}"


def brackets(dice: random.Random) -> Made:
    a, b, c = whole(dice), whole(dice), whole(dice, 2, 9)
    written, value = dice.choice([(f"({a} + {b}) × {c}", (a + b) * c), (f"{c}({a} + {b})", (a + b) * c), (f"{a} + {b} * {c}", a + b * c)])
    return written, str(value), str(near(dice, value))


def tex_product(dice: random.Random) -> Made:
    a, b = whole(dice), whole(dice)
    return f"\\( {a} \\times {b}", f"{a * b} \\)", f"{near(dice, a * b)} \\)"


def grouped(dice: random.Random) -> Made:
    a, b = whole(dice, 1000, 90_000), whole(dice, 1000, 90_000)
    return f"{a:,} + {b:,}", f"{a + b:,}", f"{a + b + 100:,}"


def lengths(dice: random.Random) -> Made:
    km, m = whole(dice, 1, 20), whole(dice, 1, 9) * 100
    result = Fraction(km * 1000 + m, 1000)
    written = dice.choice([f"{km} km + {m} m", f"{km} kilometers plus {m} meters"])
    return written, f"{float(result)} km", f"{float(result + Fraction(1, 10))} km"


def times(dice: random.Random) -> Made:
    hours, minutes = whole(dice, 1, 9), whole(dice, 1, 11) * 5
    total = hours * 60 + minutes
    return dice.choice([f"{hours} h {minutes} min", f"{hours} hours + {minutes} minutes"]), f"{total} minutes", f"{total + 40} minutes"


def speed(dice: random.Random) -> Made:
    a, b = whole(dice, 20, 120), whole(dice, 2, 9)
    return f"{a} km/h × {b} h", f"{a * b} km", f"{a * b + 10} km"


def converted(dice: random.Random) -> Made:
    a = whole(dice, 1, 40)
    kind = dice.choice(["kg", "weeks", "miles", "inches"])
    value, unit = {"kg": (a * 1000.0, "g"), "weeks": (a * 7.0, "days"), "miles": (a * 1.609344, "km"), "inches": (a * 2.54, "cm")}[kind]
    digits = 0 if kind in ("kg", "weeks") else 2
    return f"{a} {kind}", f"{value:.{digits}f} {unit}", f"{value * 1.1 + 1:.{digits}f} {unit}"


def things(dice: random.Random) -> Made:
    a, b = whole(dice), whole(dice)
    return f"{a} apples + {b} apples", f"{a + b} apples", f"{near(dice, a + b)} apples"


def money(dice: random.Random) -> Made:
    a, b = whole(dice, 100, 999), whole(dice, 100, 999)
    return f"${a / 100:.2f} + ${b / 100:.2f}", f"${(a + b) / 100:.2f}", f"${(a + b + 10) / 100:.2f}"


def factorial(dice: random.Random) -> Made:
    a, value = dice.choice([(3, 6), (4, 24), (5, 120), (6, 720)])
    return f"{a}!", str(value), str(near(dice, value))


def roughly(dice: random.Random) -> Made:
    a = dice.choice([2, 3, 5, 7, 11, 13])
    return f"√{a}", f"{a**0.5:.3f}", f"{a**0.5 + 0.02:.3f}"


def chained(dice: random.Random) -> Made:
    a, b, c = whole(dice), whole(dice), whole(dice)
    return f"{a} + {b} + {c} = {a + b} + {c}", str(a + b + c), str(near(dice, a + b + c))


def running(dice: random.Random) -> Made:
    a, b, c = whole(dice), whole(dice), whole(dice, 2, 9)
    return f"{a} + {b} = {a + b} × {c}", str((a + b) * c), str(near(dice, (a + b) * c))


def remaining(dice: random.Random) -> Made:
    a, b = whole(dice), whole(dice, 5, 12)
    rest = dice.randint(1, b - 2)
    written = dice.choice(["{} remainder {}", "{} r {}", "{} R{}", "{}, with a remainder of {}"])
    return f"{a * b + rest} ÷ {b}", written.format(a, rest), written.format(a, rest + 1)


KINDS: list[Callable[[random.Random], Made]] = [
    *(simple, simple, closed_up, quotient, rounded, decimals, percent, discount, power, root, fractions, brackets, tex_product, grouped),
    *(lengths, times, speed, converted, things, money, factorial, roughly, chained, running, remaining),
]
AROUND = [
    *(
        "{}",
        "So {}.",
        "Hence {}, as was to be shown.",
        "- {}",
        "1. {}",
        "Step 2: {}",
        "**{}**",
        "The total is\n{}\n",
        "({})",
        "We get {}; then we rest.",
    ),
    *("As the answer, {} is what we need.", "Altogether\n\n{}\n\nfor the whole year.", "Check: {}"),
]


def statements(count: int = 300, seed: int = 0) -> list[tuple[str, bool]]:
    """So many texts of one statement each, every second one wrong, and whether it is right."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        kind = KINDS[number // 2 % len(KINDS)]
        before, right, wrong = kind(dice)
        sign = " ≈ " if kind is roughly else dice.choice([" = ", " = ", " = ", "=", " equals "]) if kind is not tex_product else " = "
        text = f"{before}{sign}{right if number % 2 == 0 else wrong}"
        around = dice.choice(AROUND)
        made.append((around.format(text), number % 2 == 0))
    return made


NO_STATEMENTS = [
    *(
        "x + 3 = 7",
        "2x + 3 = 7",
        "x = 5",
        "3(x + 2) = 15",
        "y - 3 = 4",
        "3 + 4 = 7x",
        "2^n = 8",
        "3x4y = 12",
        "f(3) = 4 + 5",
        "f(2) = 2 * 3 = 6x",
    ),
    *("a² + b² = c²", "E = mc^2", "2\\alpha + 1 = 3", "2\\pi \\times 3 = 19", "P(A) = 0.5 + x", "sin 30 + 2 = 5", "log 10 + 1 = 3"),
    *(
        "on 2020-01-05 = Monday",
        "2020-01-05 = 1",
        "from 10-12 = 3 pages",
        "pages 3–7 = 5 pages",
        "1914–1918 = 4 years",
        "it ended 3-2 = a win",
    ),
    *(
        "won 3-2 = 5",
        "555-1234 = 5",
        "(555) 123-4567 = 3",
        "1-800-555-0199 = 8",
        "version 1.2.3 = 4",
        "192.168.0.1 = 5",
        "at 10:30 + 2:15 = 12",
    ),
    *("the ratio is 2:4 = 1:2", "a == 3 + 4", "i += 1 + 2", "if (a != 3 + 4) b = 8", "x <= 3 + 4", "n = 3 => 4 + 5", "url?a=1&b=2+3"),
    *(
        "```python\nx = 3 + 4 = 9\n```",
        "17 + 8 = 1 mod 12",
        "17 + 8 = 1 \\pmod{12}",
        "17 / 5 = 3 remainder 2",
        "17 ÷ 5 = 3 R 2",
        "3 + ? = 7",
    ),
    *("3 + _ = 8", "3 + 4 = ?", "1 GB = 1000 MB", "1 USD = 0.92 EUR", "0 °C = 32 °F", "50 cents + 50 cents = $1", "(1, 2) + (3, 4) = 4"),
    *("3 cats + 4 dogs = 8 animals", "Section 3.2 = 4", "3 + 4 ≠ 8", "3 + 4 > 5", "3m + 2 = 14", "2m × 3 = 12", "17 % 5 = 3", "5 ± 2 = 3"),
    *(
        "room 12 = 14 seats",
        "ISBN 0-306-40615-2 = 1",
        "3 / 0 = 1",
        "the year 2020 = 5",
        "H2O + CO2 = 3",
        "A4 = 3 + 5x",
        "[1] + [2] = [1, 2]",
    ),
]
"""Texts in which nothing is stated that could be wrong."""
