"""A database with scans from before tiles: what was done stays done, what was left is left, and any worker can finish it."""

from __future__ import annotations

import numpy as np

from facedb.core.progress import Silent
from facedb.db import migrate
from facedb.db.connection import Database
from facedb.scan.run import ScanOptions, scan
from facedb.scan.tiles import tile_rows
from tests.db.population import Population, clustered

BEFORE = "0009"


def test_blocks_of_a_scan_under_way_become_tiles_and_the_scan_is_finished(empty_database: Database) -> None:
    db = empty_database
    migrate.upgrade(db, BEFORE)
    population = Population(db, 16)
    population.add(clustered(np.random.default_rng(2), 60, 16, 4), [f"p{k // 3:02}" for k in range(60)])
    with db.connection() as conn:
        members = conn.execute(
            "select e.id, i.identity_id from facedb.embedding e join facedb.face f on f.id = e.face_id"
            " join facedb.image i on i.id = f.image_id order by i.identity_id, f.id"
        ).fetchall()
        pairs = [(a, b, score) for a, b, score in population.expected_pairs(0.5)]
        scope = '{"datasets": null, "min_face": null, "min_quality": null}'
        conn.execute(
            "insert into facedb.scan (model_id, threshold, scope, engine, faces, new_faces, identities)"
            " values (%s, 0.5, %s, 'exact', 60, 60, 20)",
            (population.model.id, scope),
        )
        conn.execute("select facedb.add_pairs(1)")
        done = members[:30]
        faces = {row[0]: row[1] for row in conn.execute("select id, face_id from facedb.embedding")}
        in_done = {faces[key] for key, _ in done}
        found = [(a, b, score) for a, b, score in pairs if a in in_done and b in in_done]
        for block, part in enumerate((done, members[30:])):
            conn.execute(
                "insert into facedb.scan_block (scan_id, block, status, embedding_ids, identity_ids, pairs, candidates,"
                " comparisons, seconds, finished_at) values (1, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (block, "pending" if block else "done", [k for k, _ in part], [n for _, n in part])
                + ((None,) * 5 if block else (len(found), len(found), 435, 0.5, "2026-11-01")),
            )
        with conn.cursor() as cursor:
            cursor.executemany("insert into facedb.flagged_pair values (%s, %s, %s, 1)", found)
    migrate.upgrade(db)
    with db.connection() as conn:
        counts = tile_rows.tile_counts(conn, 1)
        assert (counts.tiles, counts.done) == (2, 1)
        assert conn.execute("select first_column, last_column from facedb.scan_tile order by tile").fetchall() == [
            (0, 0),
            (0, 1),
        ]
        kept = conn.execute("select face_ids from facedb.scan_block order by block").fetchall()
        assert [row[0] for row in kept] == [[faces[k] for k, _ in part] for part in (done, members[30:])]
    summary = scan(db, ScanOptions(threshold=0.5, engine="exact", block_rows=30), reporter=Silent())
    assert (summary.scan.id, summary.resumed, summary.tiles_found) == (1, True, 1)
    assert population.pairs(1) == population.expected_pairs(0.5)
