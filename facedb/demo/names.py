"""Invented names for drawn persons."""

from __future__ import annotations

import numpy as np

# fmt: off
_GIVEN = (
    "Alma", "Ari", "Bela", "Bo", "Cleo", "Dana", "Eden", "Elio", "Esra", "Fenn", "Gia", "Hanno", "Ida", "Ilo", "Jona",
    "Juno", "Kaya", "Kim", "Lani", "Leo", "Lior", "Lune", "Mika", "Mira", "Nael", "Nika", "Noa", "Odil", "Ona", "Pax",
    "Quin", "Rei", "Remy", "Rio", "Rune", "Sami", "Sasha", "Sol", "Suri", "Taro", "Tessa", "Uma", "Vale", "Vesa",
    "Wren", "Yael", "Yuki", "Zora",
)
_FAMILY = (
    "Abara", "Adler", "Balint", "Berglund", "Calder", "Castel", "Dorne", "Duval", "Ekholm", "Farrow", "Fontaine",
    "Garrick", "Hale", "Hollis", "Imre", "Jarvela", "Kestrel", "Kovar", "Lark", "Lindqvist", "Marlow", "Mertens",
    "Navarro", "Norell", "Oakes", "Okoro", "Palmer", "Petrov", "Quist", "Ravel", "Rosen", "Sato", "Selby", "Tamura",
    "Thorne", "Ullman", "Varga", "Verma", "Wilder", "Winter", "Yarrow", "Zeman",
)
# fmt: on
# Any script works as the name of a folder; the first two persons show it.
OTHER_SCRIPTS = ("Вера Зимина", "林 小雨")  # noqa: RUF001


def invented_names(count: int, seed: int) -> list[str]:
    """``count`` different names, the first two in other scripts than Latin."""
    rng = np.random.default_rng([seed, 7004])
    chosen = rng.permutation(len(_GIVEN) * len(_FAMILY))[: max(0, count - len(OTHER_SCRIPTS))]
    latin = [f"{_GIVEN[int(at) % len(_GIVEN)]} {_FAMILY[int(at) // len(_GIVEN)]}" for at in chosen]
    return [*OTHER_SCRIPTS[:count], *latin]
