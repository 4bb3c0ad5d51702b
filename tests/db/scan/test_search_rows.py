"""The nearest faces to a vector, of those whose images are there."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest

from facedb.dataset.names import find_datasets
from facedb.db.connection import Database
from facedb.scan import search_rows
from tests.db.population import Population, clustered, exact_scores
from tests.processes import join, until


@pytest.mark.parametrize("approximate", [False, True])
@pytest.mark.parametrize("gone", [0, 3, 40])
def test_the_cut_comes_after_images_that_are_gone(database: Database, gone: int, approximate: bool) -> None:
    rng = np.random.default_rng(3)
    crowd = Population(database, 32)
    vectors = clustered(rng, 80, 32, 3)
    faces = crowd.add(vectors, [f"p{k % 5}" for k in range(80)])
    best = np.argsort(-exact_scores(np.repeat(vectors[:1], 80, axis=0), vectors), kind="stable")
    if gone:
        crowd.set_status(faces[best[:gone]], "vanished")
    with database.connection() as conn:
        if approximate:
            search_rows.build_index(conn, crowd.model)
        found = search_rows.nearest(conn, crowd.model, vectors[0], 3, approximate=approximate)
    expected = set(faces[best[gone : gone + 3]].tolist())
    assert {face.face_id for face in found} >= expected if not approximate else len(found) == 3
    assert not {face.face_id for face in found} & set(faces[best[:gone]].tolist())


@pytest.mark.parametrize("approximate", [False, True])
def test_of_one_dataset_the_cut_comes_after_the_others(database: Database, approximate: bool) -> None:
    crowd = Population(database, 32)
    vectors = clustered(np.random.default_rng(3), 80, 32, 3)
    few = crowd.add(vectors[::10], ["p"] * 8, dataset="few")
    crowd.add(np.delete(vectors, np.s_[::10], axis=0), ["q"] * 72, dataset="many")
    with database.connection() as conn:
        if approximate:
            search_rows.build_index(conn, crowd.model)
        within = find_datasets(conn, ["few"])
        found = search_rows.nearest(conn, crowd.model, vectors[1], 5, datasets=within, approximate=approximate)
    best = few[np.argsort(-exact_scores(np.repeat(vectors[1:2], 8, axis=0), vectors[::10]))[:5]]
    assert {face.face_id for face in found} == set(best.tolist())
    assert {face.dataset for face in found} == {"few"}


def test_no_statement_holds_the_vector_that_is_searched_for(database: Database) -> None:
    crowd = Population(database, 32)
    vectors = clustered(np.random.default_rng(3), 8, 32, 3)
    crowd.add(vectors, ["p"] * 8)
    with database.connection() as searching, database.connection() as conn:
        conn.execute("lock table facedb.embedding in access exclusive mode")
        search = threading.Thread(
            target=search_rows.nearest, args=(searching, crowd.model, vectors[0], 3), kwargs={"approximate": False}
        )
        search.start()
        try:
            waiting = "select query from pg_stat_activity where wait_event_type = 'Lock'"
            until(lambda: conn.execute(waiting).fetchone(), "the search that waits")
            seen = conn.execute(waiting).fetchall()
        finally:
            conn.rollback()
            join(search)
    assert [re.findall(r"\d\.\d{3,}", query) for (query,) in seen] == [[]]
