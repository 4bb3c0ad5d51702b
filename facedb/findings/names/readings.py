"""Readings: what else a word of a name can be, where a spelling says two things that no rule of one language tells apart."""

from __future__ import annotations

import re
from functools import cache

# Ae, oe and ue are two vowels, as in Joelle, or the ä, ö and ü of German, which anyascii writes a, o and u.
_UMLAUT = re.compile("(?<![aeiouy])([aou])e(?=[^aeiouy])(?!lle$)")
# The long o of Japanese is written oh by some, also before a vowel: Ohe and Oe, Ohishi and Oishi; Ohara is O-hara.
_LONG_O = re.compile("^oh(?=[eiu])")
# Irish names as English hears them.
_IRISH = {
    "sean": "shawn", "seamus": "shamus", "seumas": "shamus", "siobhan": "shivaun", "sinead": "shinaid", "sile": "sheila",
    "ciaran": "kieran", "cian": "kian", "eoin": "owen", "eoghan": "owen", "aisling": "ashling", "aoife": "eefa", "niamh": "neve",
    "caoimhe": "keeva", "meabh": "maeve", "medb": "maeve", "maedhbh": "maeve", "tadhg": "teague", "ruairi": "rory",
    "ruaidhri": "rory", "diarmuid": "dermot", "diarmaid": "dermot", "grainne": "grania", "padraic": "padraig",
}  # fmt: skip
# Women's names made of men's that the list of nicknames, or their spelling, takes for one.
_HERS = {
    "alexandria": "alexander", "andrea": "andrew", "angela": "angel", "angelica": "angel", "angelina": "angel", "bertha": "bert",
    "claudia": "claud", "clementine": "clement", "edwina": "edwin", "emily": "emil", "ernestine": "ernest", "frances": "francis",
    "frederica": "frederick", "glenda": "glen", "jacqueline": "jacques", "justina": "justin", "justine": "justin", "laura": "lawrence",
    "louise": "louis", "martine": "martin", "wilma": "william",
}  # fmt: skip
_MADE_HERS = re.compile("in[ae]|ett[ae]|ell[ae]")


@cache
def readings(word: str) -> tuple[str, ...]:
    """What else a word can be: ``guenther`` gives gunther."""
    found = {_UMLAUT.sub(r"\1", word), _LONG_O.sub("o", word), _IRISH.get(word, word)}
    return tuple(sorted(found - {word}))


def his_and_hers(one: str, other: str) -> bool:
    """Whether one first name is a man's and the other the woman's that is made of it, though a list of nicknames has the two: Louise."""
    return _HERS.get(one) == other or _HERS.get(other) == one


def made_hers(short: str, long: str) -> bool:
    """Whether ``long`` is ``short`` with an ending that makes a woman's name of a man's: Josephine, Claudette."""
    stem = short.removesuffix("e")
    return long.startswith(stem) and _MADE_HERS.fullmatch(long, len(stem)) is not None
