"""The charts of the dashboards: each a question to one view of schema bi, whatever tool draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid5

TITLE = "facedb"
_SPACE = UUID("6f1d3b62-6a0e-5c1c-9a56-0f1f8f6a2c11")


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured: an aggregate over columns of the view, and how it is called."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: rows of ``columns`` (table), or ``metrics`` by ``x`` and, where there is one, by ``series``.

    ``width`` counts in twelfths of a row.
    """

    name: str
    view: str
    kind: Literal["table", "bar", "line", "number"]
    metrics: tuple[Metric, ...] = ()
    x: str | None = None
    series: str | None = None
    columns: tuple[str, ...] = ()
    order: str | None = None
    where: str | None = None
    limit: int = 1000
    width: int = 6

    def sql(self) -> str:
        """The question as SQL, as a person may ask it in psql."""
        groups = [name for name in (self.x, self.series) if name is not None]
        shown = [*(self.columns if self.kind == "table" else groups), *(f"{m.sql} as {m.name}" for m in self.metrics)]
        parts = [f"select {', '.join(shown)} from bi.{self.view}"]  # noqa: S608 - words of this module, no values
        if self.where is not None:
            parts.append(f"where {self.where}")
        if groups and self.kind != "table":
            parts.append(f"group by {', '.join(map(str, range(1, len(groups) + 1)))}")
        order = self.order or ("1" if groups else None)
        if order is not None:
            parts.append(f"order by {order}")
        if self.kind != "number":
            parts.append(f"limit {self.limit}")
        return " ".join(parts)


CHARTS = (
    Chart("Faces", "datasets", "number", (Metric("faces", "sum(faces)"),), width=3),
    Chart(
        "Likely mistakes still open",
        "latest_review_progress",
        "number",
        (Metric("likely_open", "sum(likely_open)"),),
        width=3,
    ),
    Chart("Decided findings", "latest_review_progress", "number", (Metric("decided", "sum(decided)"),), width=3),
    Chart("Flagged pairs", "latest_links", "number", (Metric("pairs", "sum(pairs)"),), width=3),
    Chart(
        "Datasets",
        "datasets",
        "table",
        order="dataset",
        width=12,
        columns=(
            "dataset",
            "model",
            "files",
            "embedded",
            "faces",
            "rejected",
            "pending",
            "identities",
            "newest_scan_id",
        ),
    ),
    Chart(
        "Findings by class",
        "latest_review_progress",
        "bar",
        (Metric("findings", "sum(findings)"),),
        x="class",
        series="dataset",
    ),
    Chart(
        "Review by class",
        "latest_review_progress",
        "bar",
        x="class",
        metrics=(Metric("agreed", "sum(agreed)"), Metric("denied", "sum(denied)"), Metric("open", "sum(open)")),
    ),
    Chart(
        "Share of noisy identities over time",
        "scan_history",
        "line",
        (Metric("noisy_share", "max(noisy_share)"),),
        x="finished_at",
        series="dataset",
        where="status = 'finished'",
    ),
    Chart(
        "Scores of genuine and impostor pairs",
        "latest_score_histogram",
        "line",
        (Metric("share", "sum(share)"),),
        x="score",
        series="kind",
    ),
    Chart(
        "Rejects by code",
        "outcome_counts",
        "bar",
        (Metric("files", "sum(files)"),),
        x="code",
        series="dataset",
        where="is_current and outcome = 'rejected'",
    ),
    Chart(
        "People and photos in two datasets",
        "leakage_summary",
        "table",
        order="people desc",
        columns=("dataset", "other_dataset", "people", "photos"),
    ),
    Chart(
        "What to look at first",
        "latest_findings",
        "table",
        order="confidence desc",
        limit=100,
        width=12,
        columns=("rank", "class", "confidence", "dataset", "identity_a", "identity_b", "path", "detail", "verdict"),
    ),
)


def uuid_of(*words: str) -> str:
    """The same identifier for the same thing every time, so that a second import replaces the first."""
    return str(uuid5(_SPACE, "/".join(words)))


def rows_of_charts() -> list[list[Chart]]:
    """The charts in rows of twelve twelfths, in order."""
    rows: list[list[Chart]] = [[]]
    for chart in CHARTS:
        if sum(c.width for c in rows[-1]) + chart.width > 12:
            rows.append([])
        rows[-1].append(chart)
    return rows
