"""Deciding: verdicts, plans, and carrying them out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from facedb.api.opened import Opened, PathLike
from facedb.core.choices import one_of
from facedb.core.row_schema import table
from facedb.report.python_results import Rows

if TYPE_CHECKING:
    import pandas as pd

    from facedb.report.export import Exported
    from facedb.review.answers.answer import Answered
    from facedb.review.contradictions import Contradiction
    from facedb.review.files.carrying import Outcome
    from facedb.review.plans.plan import PlanSummary, PlanView
    from facedb.review.verdicts import Statement, Verdict


class Decisions(Opened):
    """What people say, and what follows from it."""

    def say(
        self,
        kind: Literal["link", "pair", "face"],
        a: str,
        verdict: str,
        b: str | None = None,
        *,
        target: str | None = None,
        note: str | None = None,
        by: str | None = None,
        dataset: str | None = None,
        new: bool = False,
    ) -> int:
        """Write a verdict on two identities, two images, or one image and its label; returns its key. See `facedb verdict`.

        ``target`` may be a person who does not exist yet; ``new``: even if the name is only a slip away from another.
        """
        from facedb.review import verdicts

        statement = verdicts.Statement(kind, a, verdict, b, target, note, by, new)
        return verdicts.say(self._open(), [statement], dataset=dataset)[0]

    def answer(
        self,
        findings: int | Iterable[int],
        word: Literal["accept", "reject", "unsure"],
        *,
        to: str | None = None,
        note: str | None = None,
        by: str | None = None,
        scan: int | None = None,
        dataset: str | None = None,
        new: bool = False,
    ) -> list[Answered]:
        """Say whether findings are right, by their ranks; ``to``: who the accepted images are, ``new`` as in `say`. See `facedb verdict
        finding`."""
        from facedb.review.answers import answer

        ranks = [findings] if isinstance(findings, int) else list(findings)
        given = [answer.Answer(rank, word, to, note, by, new) for rank in ranks]
        return answer.answer(self._open(), given, scan=scan, dataset=dataset)

    def say_all(
        self,
        statements: PathLike | Iterable[Statement | Mapping[str, Any]] | pd.DataFrame,
        *,
        dataset: str | None = None,
        by: str | None = None,
        new: bool = False,
    ) -> list[int]:
        """Write many verdicts, all of them or none; returns their keys.

        ``statements``: a csv of findings whose column verdict was filled with accept, reject or unsure; or one with the columns
        kind, a, b, verdict and, where wanted, target, note, by; the same as mappings or a data frame; or
        `facedb.review.verdicts.Statement`. ``by`` is who says what names nobody, ``new`` as in `say`.
        """
        from facedb.review import verdicts
        from facedb.review.answers import imports

        if isinstance(statements, (str, os.PathLike)):
            return imports.take(self._open(), Path(statements), dataset=dataset, by=by, new=new)
        if hasattr(statements, "to_dict"):
            statements = statements.to_dict("records")
        said = [s if isinstance(s, verdicts.Statement) else verdicts.statement_of(s) for s in statements]
        return verdicts.say(self._open(), [replace(s, by=s.by or by, new=s.new or new) for s in said], dataset=dataset)

    def verdicts(self, *, dataset: str | None = None, kind: str | None = None, history: bool = False) -> Rows[Verdict]:
        """The verdicts in force, newest first; ``history``: also those that newer ones replaced."""
        from facedb.review import verdicts

        found = verdicts.listed(self._open(), dataset=dataset, kind=kind, history=history)
        return Rows(table(verdicts.Verdict), found)

    def conflicts(self) -> Rows[Contradiction]:
        """Verdicts that cannot all be true."""
        from facedb.review import contradictions

        found = [conflict.row() for conflict in contradictions.conflicts(self._open())]
        return Rows(table(contradictions.Contradiction), found)

    def plans(self) -> Rows[PlanSummary]:
        """The plans, newest first, and how far they have been carried out."""
        from facedb.review.plans import plan

        return Rows(table(plan.PlanSummary), plan.plans(self._open()))

    def plan(self, *, dataset: str | None = None, auto: bool = False) -> PlanView:
        """Turn verdicts (``auto``: also certain findings) into a plan of steps; touches no file."""
        from facedb.review.plans.plan import make_plan

        return make_plan(self._open(), dataset=dataset, auto=auto)

    def apply(self, plan: int | None = None, *, yes: bool = False, labels_only: bool = False) -> Outcome:
        """Carry a ``plan`` (default: one that was begun, or the newest if it is new) out; without ``yes`` everything is checked and nothing
        is changed."""
        from facedb.review.files.apply import apply

        return apply(self._open(), plan, yes=yes, labels_only=labels_only, reporter=self._reporter)

    def undo(self, plan: int | None = None, *, yes: bool = False) -> Outcome:
        """Take back what a ``plan`` (default: the one applied last) did; without ``yes`` everything is checked and nothing is changed."""
        from facedb.review.files.apply import undo

        return undo(self._open(), plan, yes=yes, reporter=self._reporter)

    def export(self, what: str, path: PathLike, *, form: str | None = None, **options: Any) -> Exported:
        """Write ``what`` (list, merge-map, links, pairs, findings, embeddings, rec) to a file; see `facedb export`.

        ``options`` are those of `facedb.report.export.ExportOptions`; raises UsageError for others.
        """
        from facedb.report.export import ExportOptions, export

        for name in options:
            one_of("An option of an export", name, [f.name for f in fields(ExportOptions)])
        chosen = ExportOptions(**options)
        return export(self._open(), what, Path(path), form=form, options=chosen, reporter=self._reporter)
