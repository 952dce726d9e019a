"""A right solution of each problem with tests that `bench/catalogue.py` gives to recipes."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any


def two_sum(numbers: list[int], target: int) -> list[int]:
    pairs = itertools.combinations(range(len(numbers)), 2)
    return next([first, second] for first, second in pairs if numbers[first] + numbers[second] == target)


def count_vowels(text: str) -> int:
    return sum(character in "aeiou" for character in text.lower())


def is_palindrome(text: str) -> bool:
    characters = [character for character in text.lower() if character.isalnum()]
    return characters == characters[::-1]


def running_totals(numbers: list[int]) -> list[int]:
    return list(itertools.accumulate(numbers))


def greatest_common_divisor(a: int, b: int) -> int:
    return math.gcd(a, b)


def prime_factors(number: int) -> list[int]:
    factors = []
    divisor = 2
    while number > 1:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors


def rotate(values: list[Any], steps: int) -> list[Any]:
    cut = len(values) - steps % len(values) if values else 0
    return values[cut:] + values[:cut]


def merge(first: list[int], second: list[int]) -> list[int]:
    return sorted(first + second)


def word_counts(text: str) -> dict[str, int]:
    return dict(Counter(text.lower().split()))


def balanced(text: str) -> bool:
    closing = {"(": ")", "[": "]", "{": "}"}
    awaited = []
    for character in text:
        if character in closing:
            awaited.append(closing[character])
        elif character in closing.values() and (not awaited or awaited.pop() != character):
            return False
    return not awaited


def to_roman(number: int) -> str:
    values = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
    numerals = ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I")
    written = ""
    for value, numeral in zip(values, numerals, strict=True):
        written += numeral * (number // value)
        number %= value
    return written


def transpose(matrix: list[list[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*matrix, strict=True)]


def run_lengths(text: str) -> list[tuple[str, int]]:
    return [(character, len(list(run))) for character, run in itertools.groupby(text)]


def second_largest(numbers: list[int]) -> int | None:
    values = sorted(set(numbers))
    return values[-2] if len(values) > 1 else None


def flatten(values: list[Any]) -> list[int]:
    return [number for value in values for number in (flatten(value) if isinstance(value, list) else [value])]


def is_leap_year(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def without_repeats(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def to_binary(number: int) -> str:
    return f"{number:b}"


def chunks(values: list[Any], size: int) -> list[list[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def common_prefix(texts: list[str]) -> str:
    same = itertools.takewhile(lambda characters: len(set(characters)) == 1, zip(*texts, strict=False))
    return "".join(characters[0] for characters in same)
