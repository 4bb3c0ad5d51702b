"""A large dataset from its ingest to its backup, step by step: `python tests/bench/large.py PLACE ROWS [STEP …]`.

Steps (all of them unless some are named): make, ingest, scan, more (10,000 faces on top: ingest and incremental scan), floors (ingest,
load and write, each against the server's own COPY, at this size), questions (the ten of the README), backup (and restore into a fresh
home, with identical answers). Each runs the installed command against the embedded database below PLACE and appends a line to
PLACE/figures.jsonl: wall and CPU seconds and peak memory of the client, and what the command says of itself.
A step that was interrupted is run again; a scan goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from facedb.bench.synthetic import synthetic_gallery

DIM, MORE, FILE_ROWS = 128, 10_000, 10_000
THRESHOLD = "0.5"
PROGRAM = Path(sys.executable).with_name("facedb")
README = Path(__file__).parents[2] / "README.md"


class Bench:
    """One place with a home, a dump of embeddings, and figures."""

    def __init__(self, place: Path, rows: int) -> None:
        self.place, self.rows = place, rows
        self.environment = {**os.environ, "HOME": str(place), "FACEDB_HOME": str(place / "home")}

    def facedb(self, *arguments: object, home: Path | None = None) -> tuple[str, dict[str, float]]:
        """Run a command: its stdout, and what it cost."""
        environment = self.environment if home is None else self.environment | {"FACEDB_HOME": str(home)}
        command, begun = [str(PROGRAM), *map(str, arguments)], time.monotonic()
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            out = process.stdout.read()
            # Of this process alone: what all children used at most would hide a later one behind an earlier.
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        cost = {
            "seconds": round(time.monotonic() - begun, 1),
            "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
            "peak_mb": round(used.ru_maxrss / 1024),
        }
        return out, cost

    def note(self, step: str, **figures: Any) -> None:
        """Keep and print figures."""
        line = json.dumps({"step": step, "rows": self.rows, "load": os.getloadavg()[0], **figures})
        with (self.place / "figures.jsonl").open("a", encoding="utf-8") as out:
            out.write(f"{line}\n")
        sys.stdout.write(f"{line}\n")

    def make(self) -> None:
        """The dump: 10,000 rows a file beside their ids, those that come later in a folder of their own."""
        total = self.rows + MORE
        made = synthetic_gallery(total, DIM, effective_dim=100).gallery
        # Those that come later are of all identities, as in a crawl.
        later = np.zeros(total, bool)
        later[np.random.default_rng(1).permutation(total)[:MORE]] = True
        for name, mask in (("first", ~later), ("more", later)):
            folder = self.place / name
            folder.mkdir(parents=True, exist_ok=True)
            rows = np.flatnonzero(mask)
            for part, start in enumerate(range(0, len(rows), FILE_ROWS)):
                chosen = rows[start : start + FILE_ROWS]
                np.save(folder / f"{part:04}.features.npy", made.vectors[chosen])
                ids = np.array([f"p{made.identity_ids[k]:06}/{k:07}.jpg" for k in chosen])
                np.save(folder / f"{part:04}.object_ids.npy", ids)

    def ingest(self) -> None:
        """All but the last 10,000."""
        self.facedb("db", "start")
        _, cost = self.facedb("ingest", self.place / "first", "--dataset", "first", "--contract", "bench")
        self.note("ingest", **cost)

    def scan(self, step: str = "scan") -> None:
        """Every face with every other, or those that are new with all."""
        out, cost = self.facedb("scan", "--threshold", THRESHOLD, "--format", "json")
        (found,) = json.loads(out)
        self.note(step, **cost, **found, times_join=round(cost["seconds"] / max(found["join_seconds"], 1e-9), 2))

    def more(self) -> None:
        """10,000 faces on top."""
        _, cost = self.facedb("ingest", self.place / "more", "--dataset", "more", "--contract", "bench")
        self.note("ingest more", **cost)
        self.scan("scan more")

    def floors(self) -> None:
        """Each leg against its floor, on databases of their own."""
        legs = (("ingest", self.place / "first"), ("load", "--size", self.rows, "--dim", DIM), ("write",))
        for name, *arguments in legs:
            out, cost = self.facedb("bench", name, *arguments, "--format", "json")
            for leg in json.loads(out):
                self.note(f"floor of {name}", **leg, peak_mb=cost["peak_mb"])

    def questions(self) -> None:
        """The ten questions of the README, each by psql."""
        found = re.search(r"Ten questions.*?```sql\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
        assert found is not None
        url = self.facedb("db", "url")[0].strip()
        for question in re.findall(r"^-- (.*)\n(select .*);$", found[1], re.MULTILINE):
            begun = time.monotonic()
            self.asked(url, question[1])
            self.note("question", question=question[0], seconds=round(time.monotonic() - begun, 2))

    @staticmethod
    def asked(url: str, statement: str) -> list[Any]:
        """The answer to a statement."""
        import psycopg

        with psycopg.connect(url) as conn:
            return conn.execute(statement.encode()).fetchall()

    def answers(self, url: str) -> list[Any]:
        """What must be the same in a restored database: sums over every table that holds results."""
        return [
            self.asked(url, statement)
            for statement in (
                "select count(*), sum(id), sum(hashtext(path)::bigint) from facedb.image",
                "select count(*), sum(face_id), sum(hashtext(vec::text)::bigint) from facedb.embedding",
                "select scan_id, count(*), sum(face_a), sum(face_b), sum(score::numeric) from facedb.flagged_pair group by 1 order by 1",
                "select scan_id, count(*), sum(pairs), sum(mean_score::numeric) from facedb.link group by 1 order by 1",
                "select scan_id, count(*), sum(rank), sum(confidence::numeric) from facedb.finding group by 1 order by 1",
                "select dataset, files, embedded, identities from bi.datasets order by 1",
            )
        ]

    def backup(self) -> None:
        """A backup, restored into a fresh home: the answers are the same, and a scan there has nothing to do."""
        file, fresh = self.place / "faces.dump", self.place / "fresh"
        _, cost = self.facedb("db", "backup", file, "--force")
        self.note("backup", **cost, mb=round(file.stat().st_size / 1e6))
        shutil.rmtree(fresh, ignore_errors=True)
        _, cost = self.facedb("db", "restore", file, home=fresh)
        self.note("restore", **cost)
        self.facedb("db", "start", home=fresh)
        before, after = (
            self.answers(self.facedb("db", "url", home=home)[0].strip()) for home in (self.place / "home", fresh)
        )
        out, cost = self.facedb("scan", "--threshold", THRESHOLD, "--format", "json", home=fresh)
        self.note("answers", identical=before == after, scan=json.loads(out)[0]["scan_id"], **cost)
        self.facedb("db", "stop", home=fresh)


def main() -> None:
    """Run the steps that were named."""
    bench = Bench(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
    for step in sys.argv[3:] or ["make", "ingest", "scan", "more", "floors", "questions", "backup"]:
        getattr(bench, step)()


if __name__ == "__main__":
    main()
