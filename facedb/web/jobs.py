"""Work that takes longer than a request: carrying plans out and taking them back, with progress, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from facedb.core.errors import ConflictError, FacedbError, NotFoundError
from facedb.core.progress import Task

_KEPT = 50


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work and how far it is; ``state`` is running, done or failed, ``message`` its outcome in a sentence."""

    id: int
    title: str
    plan_id: int
    state: str = "running"
    done: int = 0
    total: int | None = None
    message: str | None = None


class Jobs:
    """The work of one run of the page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._threads: list[threading.Thread] = []

    def start(self, title: str, plan_id: int, work: Callable[[JobReporter], str]) -> Job:
        """Begin work in a thread of its own; raises ConflictError while other work runs."""
        with self._lock:
            if any(job.state == "running" for job in self._jobs.values()):
                raise ConflictError("A plan is being carried out right now; wait for it.")
            job = Job(max(self._jobs, default=0) + 1, title, plan_id)
            self._jobs = dict([*self._jobs.items(), (job.id, job)][-_KEPT:])
        # No daemon: a plan under way is carried on to its end when the page is stopped.
        thread = threading.Thread(target=self._run, args=(job.id, work), name=title)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()
        return job

    def find(self, job_id: int) -> Job:
        """A piece of work; raises NotFoundError."""
        with self._lock:
            if job_id not in self._jobs:
                raise NotFoundError(f"There is no job {job_id}.")
            return self._jobs[job_id]

    def all(self) -> list[Job]:
        """The newest pieces of work, the oldest of them first."""
        with self._lock:
            return list(self._jobs.values())

    def wait(self) -> None:
        """Wait for what is under way."""
        for thread in self._threads:
            thread.join()

    def _run(self, job_id: int, work: Callable[[JobReporter], str]) -> None:
        try:
            message = work(JobReporter(lambda **changes: self._change(job_id, **changes)))
        except FacedbError as error:
            self._change(job_id, state="failed", message=str(error))
        except Exception as error:
            self._change(job_id, state="failed", message=f"The work stopped: {type(error).__name__}.")
            raise
        else:
            self._change(job_id, state="done", message=message)

    def _change(self, job_id: int, **changes: object) -> None:
        with self._lock:
            self._jobs[job_id] = replace(self._jobs[job_id], **changes)  # type: ignore[arg-type]


class JobReporter:
    """The Reporter of work in the page."""

    def __init__(self, change: Callable[..., None]) -> None:
        self._change = change

    @contextmanager
    def task(self, title: str, total: int | None, unit: str) -> Iterator[Task]:  # noqa: ARG002
        """Show a new count."""
        self._change(done=0, total=total)
        yield _Counter(self._change)

    def say(self, message: str) -> None:
        """Show a remark."""
        self._change(message=message)


class _Counter:
    def __init__(self, change: Callable[..., None]) -> None:
        self._change, self._done = change, 0

    def advance(self, n: int = 1, note: str = "") -> None:  # noqa: ARG002
        self._done += n
        self._change(done=self._done)
