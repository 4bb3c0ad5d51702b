"""What the results look like: links, pairs, rejects, datasets, scans, identities. Each class is the definition of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from facedb.core.row_schema import As, Real
from facedb.scan.scan_rows import IDENTITY_A, IDENTITY_B


@dataclass(frozen=True, slots=True)
class Link:
    """All flagged pairs between two identities: how many, of how many faces on each side, and their scores."""

    rank: int
    identity_a: Annotated[str, As(sql=IDENTITY_A)]
    identity_b: Annotated[str, As(sql=IDENTITY_B)]
    pairs: int
    faces_a: int
    faces_b: int
    size_a: int
    size_b: int
    coverage_a: Real
    coverage_b: Real
    max_score: Real
    mean_score: Real
    median_score: Real
    centroid_score: Real


@dataclass(frozen=True, slots=True)
class Pair:
    """Two faces of different identities whose score (cosine similarity) reached the threshold of the scan."""

    identity_a: Annotated[str | None, As(sql=IDENTITY_A)]
    path_a: str
    identity_b: Annotated[str | None, As(sql=IDENTITY_B)]
    path_b: str
    score: Real


@dataclass(frozen=True, slots=True)
class Reject:
    """An input that is not an embedded face, and why; ``model``: the contract under which, None before any model looked."""

    dataset: str
    identity: str | None
    path: str
    outcome: str
    code: str
    detail: str
    model: str | None


@dataclass(frozen=True, slots=True)
class PhotoFace:
    """A face of a photo that shows several: its part in a scan (``role``), how well it fits its folder, and whom it is else."""

    identity: str | None
    path: str
    role: str
    faces: int
    fit: Real | None
    also_shows: str | None
    also_score: Real | None
    box: object


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset and what became of its files under its contract: the outcomes add up to ``files``."""

    dataset: str
    files: int
    embedded: int
    faces: int
    rejected: int
    ignored: int
    vanished: int
    pending: int
    identities: int
    source: Annotated[str | None, As("from", sql="location")]


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan with its parameters, its counts and the datasets that it compared."""

    scan_id: int
    model: str
    status: str
    threshold: float
    faces: int
    new_faces: int
    identities: int
    comparisons: int
    pairs: int
    links: int
    engine: str
    started_at: datetime
    dataset: str | None


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity with its images and faces under the contract of its dataset, and its links in the newest scan."""

    dataset: str
    identity: str
    images: int
    faces: int
    links: int
    findings: int


@dataclass(frozen=True, slots=True)
class ListedImage:
    """A line of the cleaned list: an image and the identity that it has after all decisions."""

    path: str
    identity: str


@dataclass(frozen=True, slots=True)
class MergedIdentity:
    """A line of the merge map: an identity and the one that it becomes."""

    dataset: str
    identity: str
    becomes: str


@dataclass(frozen=True, slots=True)
class PublishedPair:
    """A line of the table that others publish: two names and their best score."""

    name1: str
    name2: str
    score: Real
