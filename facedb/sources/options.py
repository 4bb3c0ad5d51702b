"""What a person may say about a source on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

IdentityFrom = Literal["top", "parent", "regex", "none", "txt"]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How identities are found and which arrays are read; every format uses what concerns it.

    ``identity_from``: ``top`` takes the first folder of the path, ``parent`` the folder that holds the file, ``regex``
    the group named ``identity`` (else the first group, else the whole match) of ``identity_regex`` where it is found in
    the path, ``none`` nothing, ``txt`` the text beside an image of a tar archive, which is otherwise a caption.
    For ``.npy`` pairs the object id stands for the path.
    ``vector_array`` and ``name_array`` name the arrays of ``.npz`` files. ``ids_csv`` maps the object ids of ``.npy``
    pairs to identities; ``image_path`` turns an object id into the path of its image: ``object/{id[0:2]}/{id}.jpg``.
    ``vectors`` asks for the embeddings of a table that has images as well. ``exclude`` are globs of what to leave out.
    ``root`` is the folder that the relative paths of a list or a table start from (its own folder when not given).
    """

    identity_from: IdentityFrom = "top"
    identity_regex: str | None = None
    follow_links: bool = False
    vector_array: str = "efficientnetv2_arcface"
    name_array: str = "name"
    ids_csv: Path | None = None
    image_path: str | None = None
    root: Path | None = None
    vectors: bool = False
    exclude: tuple[str, ...] = ()
