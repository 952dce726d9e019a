"""One side of a statement of arithmetic, read from its tokens: sums of products of powers, and what they count or measure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from rephrase.verifiers.arithmetic_tokens import Token
from rephrase.verifiers.quantity_values import NoValueError, Quantity, added, divided, multiplied, raised, root, words

_DEEPEST = 20  # brackets
_LARGEST_FACTORIAL = 100
_HUNDREDTH = Fraction(1, 100)
_GREEK = re.compile("[\u0370-\u03ff][^\\W\\d_]{0,2}\\Z")


class Reader:
    """Reads one side: sums of products of powers, with brackets, percentages, factorials, roots and measures."""

    def __init__(self, side: Sequence[Token], *, percent_of_left: bool = False, tight: bool = False, bare: bool = False) -> None:
        """What is read: `percent_of_left`, "100 + 10%" as 110; `tight`, "6 / 2(3)" as 1; `bare`, without measures and what is counted."""
        self._side, self._at, self._depth = side, 0, 0
        self._percent_of_left, self._tight, self._bare = percent_of_left, tight, bare
        self.operations = 0
        self.is_ambiguous = False
        """Whether a product without a sign follows a division: some take it first."""

    def whole(self) -> Quantity:
        """The value of all of it. Raises `NoValueError` where it has none."""
        value = self._sum()
        if self._at < len(self._side):
            raise NoValueError
        return value if not self.operations else replace(value, place=None)

    def _peek(self, ahead: int = 0) -> Token | None:
        return self._side[self._at + ahead] if self._at + ahead < len(self._side) else None

    def _sign(self) -> str:
        token = self._peek()
        return token.text if token and token.kind == "sign" else ""

    def _sum(self) -> Quantity:
        value = self._product()
        while (sign := self._sign()) in ("+", "-", "–"):
            self._at += 1
            self.operations += 1
            other = self._product()
            if self._percent_of_left and other.is_percent and not value.is_percent:
                other = multiplied(value, replace(other, powers=(0, 0, 0)))
                other = replace(other, noun=value.noun)
            value = added(value, other, 1 if sign == "+" else -1)
        return value

    def _product(self) -> Quantity:
        value = self._unary()
        divides = False
        while True:
            sign = self._sign()
            token = self._peek()
            is_cross = token is not None and token.kind == "word" and token.text in ("x", "X")
            if is_cross or sign in ("*", "/"):
                self._at += 1
                if is_cross and self._sign() not in ("", "(", "root", "frac"):
                    raise NoValueError  # a variable
                self.operations += 1
                other = self._unary()
                while self._tight and sign == "/" and self._sign() == "(":
                    other = multiplied(other, self._unary())
                value = divided(value, other) if sign == "/" else multiplied(value, other)
                divides = divides or sign == "/"
            elif sign in ("(", "root"):
                self.is_ambiguous = self.is_ambiguous or divides
                self.operations += 1
                value = multiplied(value, self._unary())
            elif token is not None and token.kind == "word" and token.text == "of" and value.is_percent:
                self._at += 1
                self.operations += 1
                value = multiplied(value, self._unary())
            else:
                return value

    def _unary(self) -> Quantity:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NoValueError
        sign = self._sign()
        if sign in ("-", "–", "+"):
            self._at += 1
            value = self._unary()
            value = value if sign == "+" else value.negative()
        else:
            value = self._power()
        self._depth -= 1
        return value

    def _power(self) -> Quantity:
        base = self._postfix()
        token = self._peek()
        if token is None or token.kind != "sign" or not token.text.startswith("^"):
            return base
        self._at += 1
        self.operations += 1
        exponent = Quantity(Fraction(int(token.text[1:]))) if len(token.text) > 1 else self._unary()
        return raised(base, exponent)

    def _postfix(self) -> Quantity:
        value = self._atom()
        while (sign := self._sign()) in ("!", "%"):
            following = self._peek(1)
            if sign == "%" and following is not None and (following.kind == "number" or following.text == "("):
                raise NoValueError  # a remainder
            self._at += 1
            if sign == "%":
                place = None if value.place is None else value.place * _HUNDREDTH
                value = replace(value, value=value.value * _HUNDREDTH, place=place, is_percent=True)
            else:
                if following is not None and following.text == "!":
                    raise NoValueError  # a double factorial, or an exclamation
                self.operations += 1
                value = _factorial(value)
        return value

    def _atom(self) -> Quantity:
        token = self._peek()
        if token is None:
            raise NoValueError
        self._at += 1
        if token.kind == "number":
            assert token.value is not None
            is_whole = token.place is None or token.place >= 1
            return self._counted(Quantity(token.value, place=token.place, is_whole=is_whole))
        if token.text == "(" and token.kind == "sign":
            value = self._sum()
            if self._sign() != ")":
                raise NoValueError
            self._at += 1
            return self._counted(value)
        if token.text == "frac":
            self.operations += 1
            return self._counted(divided(self._atom(), self._atom()))
        if token.text == "root":
            self.operations += 1
            return root(self._atom(), 2)
        raise NoValueError

    def _counted(self, value: Quantity) -> Quantity:
        """A number with the words after it: a scale, a measure, or what is counted."""
        token = self._peek()
        while token is not None and token.kind == "word" and token.text.lower() in words().scales:
            value = value.in_words(words().scales[token.text.lower()])
            self._at += 1
            token = self._peek()
        if token is None or token.kind != "word" or token.text in ("x", "X", "of"):
            return value
        self._at += 1
        unit_power = words().powers.get(token.text.lower(), 1)
        named = self._peek()
        if unit_power > 1 and named is not None and named.kind == "word":  # square feet
            token = named
            self._at += 1
        if self._bare:
            self._at += 2 if self._sign() == "/" and self._is_word(1) else 0
            return value
        value = self._measured(value, token, unit_power)
        following, after = self._peek(), self._peek(1)
        if self._sign() == "/" and after is not None and after.kind == "word":  # km/h
            self._at += 2
            unit = self._measured(Quantity(Fraction(1)), after)
            measure = divided(value, unit)
            units = frozenset({_factor_of(value, unit)}) if value.units and unit.units else frozenset()
            return replace(measure, units=units, place=value.place, is_whole=value.is_whole)
        if following is not None and following.kind == "number" and value.units:  # 1 h 30 min
            rest = self._atom()
            if rest.powers == value.powers and max(rest.units, default=Fraction(0)) < max(value.units):
                return replace(added(value, rest, 1), place=rest.place)
            raise NoValueError
        return value

    def _is_word(self, ahead: int) -> bool:
        token = self._peek(ahead)
        return token is not None and token.kind == "word"

    def _measured(self, value: Quantity, token: Token, power: int = 1) -> Quantity:
        known = words().by_name
        name = (
            token.text
            if token.text in known
            else token.text.lower()
            if token.text.lower() in known
            else token.text.lower().removesuffix("s")
        )
        if name not in known or (len(token.text) > 1 and token.text.isupper()):
            if len(token.text) == 1 or _GREEK.match(token.text):
                raise NoValueError  # a variable
            return value.counted(token.text)
        factor, powers = known[name]
        value = value.measured(factor, powers, is_letter=len(token.text) == 1 and token.is_close)
        exponent = self._sign()
        if exponent in ("^2", "^3"):
            self._at += 1
            power = int(exponent[1])
        if power > 1:
            more = factor ** (power - 1)
            place = None if value.place is None else value.place * more
            raised_powers = (powers[0] * power, powers[1] * power, powers[2] * power)
            value = replace(value, value=value.value * more, powers=raised_powers, units=frozenset({factor**power}), place=place)
        return value


def _factor_of(value: Quantity, unit: Quantity) -> Fraction:
    return max(value.units) / max(unit.units)


def _factorial(value: Quantity) -> Quantity:
    if value.value.denominator != 1 or not 0 <= value.value <= _LARGEST_FACTORIAL:
        raise NoValueError
    product = 1
    for number in range(2, int(value.value) + 1):
        product *= number
    return replace(value, value=Fraction(product), place=None)
