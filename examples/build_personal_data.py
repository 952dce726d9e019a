"""Writes personal_data.jsonl: sentences with made-up personal data, each place of which is labelled, and sentences that only look like it.

Addresses end in .test and telephone numbers are of the ranges for fiction, so that they are nobody's; names are drawn part by part.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

FILE = Path(__file__).parent / "personal_data.jsonl"
SEED = 20

GIVEN = [
    "Anna",
    "Boris",
    "Carmen",
    "Dmitri",
    "Elif",
    "Farah",
    "Goran",
    "Hana",
    "Ivo",
    "Jonas",
    "Kenji",
    "Leila",
    "Mateo",
    "Nadia",
    "Oskar",
    "Priya",
    "Quentin",
    "Rosa",
    "Samir",
    "Tilda",
]
FAMILY = [
    "Ashgrove",
    "Brenwick",
    "Castellane",
    "Dovrenko",
    "Elmquist",
    "Farrowby",
    "Gontarek",
    "Halvorsby",
    "Iturraga",
    "Jankovar",
    "Kellerton",
    "Lindmoor",
    "Marwani",
]
STREETS = ["Harrow Mill Lane", "Quarry Street", "Old Station Road", "Linden Avenue", "Birchfield Close", "Tannery Row"]
TOWNS = ["Northfen", "Little Arden", "Port Selby", "Wexcombe", "Castle Brook"]
DOMAINS = ["northfen.test", "mail.arden-letters.test", "selby-tools.test", "clinic.wexcombe.test"]

SENTENCES = [
    "{person} moved to the coast last spring and opened a small bakery.",
    "Please send the signed form to {emails} before Friday.",
    "The appointment of {person} was moved; call {phones} to confirm it.",
    "Our new address is {address}, right behind the bakery.",
    "The login came from {ipv4} at night and was blocked.",
    "Write to {person} ({emails}) if the parcel for {address} is late.",
    "The server answers on {ipv6} only, said {person}.",
    "Tel. {phones}, ask for {person}.",
    "I was taught to weave by {person}, who still lives at {address}.",
    "Contact: {person}, {emails}, {phones}.",
    "My neighbour, {person}, keeps bees and sells honey at {address}.",
    "Requests from {ipv4} failed, so {person} changed the rule.",
]
HARD = [
    "Newton's second law says that force equals mass times acceleration.",
    "The Turing machine reads one symbol of its tape at a time.",
    "Version 10.4.2.1 of the driver mends the sleep mode.",
    "The ISBN of the second edition is 978-3-16-148410-0.",
    "In May the Jordan carries more water than in August.",
    "The sale ran from 2024-03-01 to 2024-03-15 and cost 1,250,000 crowns.",
    "Save it as banner@2x.png, beside the other pictures.",
    "Victoria Falls is wider than it is high.",
    "Route 66 crosses eight states, and Highway 101 follows the shore.",
    "Mercury is the planet nearest to the sun.",
    "A Caesar salad needs anchovies, and a Margherita needs basil.",
    "Set the mask to 255.255.255.0 and the gateway to 192.168.0.1.",
]


def value_of(kind: str, draw: random.Random) -> str:
    """A made-up value."""
    given, family, number = draw.choice(GIVEN), draw.choice(FAMILY), draw.randrange(10, 99)
    if kind == "person":
        return draw.choice([f"{given} {family}", f"{given} {family}", f"Dr {given} {family}", given])
    if kind == "emails":
        return f"{given.lower()}{draw.choice(['.', '_', ''])}{family.lower()}@{draw.choice(DOMAINS)}"
    if kind == "phones":
        return draw.choice([f"+44 20 7946 09{number}", f"(212) 555-01{number}", f"020 7946 09{number}", f"+1-415-555-01{number}"])
    if kind == "ipv4":
        return f"{draw.choice([8, 31, 62, 81, 93, 141])}.{draw.randrange(1, 250)}.{draw.randrange(1, 250)}.{draw.randrange(1, 250)}"
    if kind == "ipv6":
        return f"2a02:{draw.randrange(4096, 65535):x}:{draw.randrange(4096, 65535):x}::{draw.randrange(16, 4096):x}"
    return f"{number} {draw.choice(STREETS)}, {draw.choice(TOWNS)}"


def rows(seed: int = SEED) -> list[dict[str, object]]:
    """Four texts of each sentence with personal data, and one of each that has none."""
    draw = random.Random(seed)
    made: list[dict[str, object]] = [_row(sentence, draw) for _ in range(4) for sentence in SENTENCES]
    made += [{"text": sentence, "spans": []} for sentence in HARD]
    draw.shuffle(made)
    return made


def _row(sentence: str, draw: random.Random) -> dict[str, object]:
    text, spans = "", []
    for part in re.split(r"(\{\w+\})", sentence):
        if part.startswith("{"):
            value = value_of(part[1:-1], draw)
            spans.append({"start": len(text), "end": len(text) + len(value), "kind": part[1:-1]})
            part = value  # noqa: PLW2901  # what stands there in its place
        text += part
    return {"text": text, "spans": spans}


if __name__ == "__main__":
    FILE.write_text("".join(json.dumps(row) + "\n" for row in rows()))
