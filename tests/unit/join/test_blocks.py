import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb.core.errors import UsageError
from facedb.join.blocks import Block, check_blocks, plan_blocks


@given(st.lists(st.integers(1, 30), max_size=30), st.integers(1, 60), st.data())
def test_blocks_cover_every_new_row_once_and_end_on_identity_borders(sizes, target, data):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    first_new = data.draw(st.integers(0, len(labels)))
    blocks = plan_blocks(labels, first_new=first_new, target_rows=target)
    assert [row for block in blocks for row in range(block.start, block.stop)] == list(range(first_new, len(labels)))
    assert [block.index for block in blocks] == list(range(len(blocks)))
    for block in blocks:
        assert block.stop - block.start <= target
        on_border = block.stop == len(labels) or labels[block.stop - 1] != labels[block.stop]
        assert on_border or len(set(labels[block.start : block.stop])) == 1


def test_the_comparisons_of_the_blocks_add_up_to_all_pairs():
    labels = np.repeat(np.arange(10), 7)
    assert sum(block.comparisons for block in plan_blocks(labels, target_rows=16)) == 70 * 69 // 2


def test_blocks_that_leave_a_gap_are_refused():
    with pytest.raises(UsageError, match="Block 1 starts at row 5"):
        check_blocks([Block(0, 0, 4), Block(1, 5, 9)], 9)
    with pytest.raises(UsageError, match="do not end"):
        check_blocks([Block(0, 0, 4)], 9)


@pytest.mark.parametrize(("first_new", "target"), [(0, 0), (-1, 5), (4, 5)])
def test_impossible_plans_are_refused(first_new, target):
    with pytest.raises(UsageError):
        plan_blocks(np.zeros(3, np.int64), first_new=first_new, target_rows=target)
