"""Seeds from names, one by one and many at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from creme.seeds import derive, derive_each

NAMES = st.recursive(
    st.integers() | st.text(max_size=8),
    lambda names: st.lists(names, max_size=3).map(tuple),
    max_leaves=5,
)


@given(
    st.integers(0, 2**128 - 1),
    st.lists(NAMES, max_size=4),
    st.lists(st.integers(0, 2**40), max_size=12),
)
def test_many_are_those_one_by_one(seed, names, last):
    assert derive_each(seed, *names, last=last) == [derive(seed, *names, n) for n in last]
