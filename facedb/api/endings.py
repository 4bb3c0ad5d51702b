"""Removal: forgetting a person, old scans and plans, a model that nobody needs any more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from facedb.api.opened import Opened, PathLike
from facedb.core.errors import UsageError

if TYPE_CHECKING:
    from facedb.review.forget import Forgotten
    from facedb.scan.retention import Pruned, RemovedModel


class Endings(Opened):
    """Everything here only counts what it would remove, unless ``yes=True`` is given."""

    def forget(
        self,
        *,
        identity: str | None = None,
        image: PathLike | None = None,
        dataset: str | None = None,
        files: bool = False,
        yes: bool = False,
    ) -> Forgotten:
        """Forget a person, a photo or a whole dataset for good, down to the bytes in the files of the embedded database.

        ``dataset`` alone forgets the dataset; with ``identity`` or ``image`` it says in which one. ``files`` deletes the files as well.
        """
        from facedb.review.forget import Subject, forget

        if (identity is None) == (image is None) and not (identity is None and dataset is not None):
            raise UsageError("Say what to forget: one of identity, image or dataset.")
        if identity is not None:
            subject = Subject("identity", identity, dataset)
        elif image is not None:
            subject = Subject("image", os.fspath(image), dataset)
        else:
            subject = Subject("dataset", dataset or "")
        return forget(self._open(), subject, yes=yes, files=files, home=self._settings.home, say=self._reporter.say)

    def prune_scans(self, keep: int, *, yes: bool = False) -> Pruned:
        """Remove all scans except the ``keep`` newest of each gallery and those that something depends on."""
        from facedb.scan.retention import prune

        return prune(self._open(), keep, yes=yes)

    def prune_plans(self, keep: int, *, yes: bool = False) -> list[int]:
        """Remove plans that were never begun or were undone, except the ``keep`` newest; returns their numbers."""
        from facedb.review.plans.plan import prune

        return prune(self._open(), keep, yes=yes)

    def remove_model(self, name: str, *, yes: bool = False) -> RemovedModel:
        """Remove a contract with its embeddings, scans and cached vectors; files in the models folder stay."""
        from facedb.scan.retention import remove_model

        return remove_model(self._open(), name, yes=yes, cache_dir=self._settings.cache)
