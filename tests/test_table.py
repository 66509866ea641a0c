"""The formatter, alone and with the notes' table."""

import pytest

from pytest_mpcheck._comparison._notes import CLAIMS, NOTES
from pytest_mpcheck._table import format_table

# One string a line, because an editor that strips trailing spaces would change what is tested here.
TABLE_OF_THE_NOTES = (
    "Feature                       | Multiprocessing            | Multithreading                    \n"
    "-----------------------------------------------------------------------------------------------\n"
    "Memory                        | Separate memory space      | Shared memory space               \n"
    "Performance                   | Better for CPU-bound tasks | Better for I/O-bound tasks (often)\n"
    "Creation overhead             | Higher                     | Lower                             \n"
    "Complexity                    | Generally more complex     | Simpler to implement              \n"
    "Global Interpreter Lock (GIL) | Not affected               | Limited by GIL in Python          "
)


def test_the_table_of_the_notes_is_reproduced_to_the_letter() -> None:
    assert format_table(NOTES) == TABLE_OF_THE_NOTES


def test_every_claim_is_found_by_its_feature_and_side() -> None:
    assert [(feature, side) for feature, side in CLAIMS] == [
        (row[0], side) for row in NOTES[1:] for side in NOTES[0][1:]
    ]
    assert CLAIMS["Creation overhead", "Multithreading"] == "Lower"


def test_a_header_alone_is_a_table() -> None:
    assert format_table([["a", "bc"]]) == "a | bc\n------"


def test_the_widest_cell_sets_the_width_wherever_it_stands() -> None:
    assert format_table([["a", "long"], ["longer", ""]]) == "a      | long\n-------------\nlonger |     "


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        pytest.param([], "a table needs a header: got no row at all", id="nothing"),
        pytest.param([["a", "b"], ["c"]], r"row 1 has 1 cells, the header 2: \['c'\]", id="short row"),
        pytest.param([["a"], ["b", "c"]], r"row 1 has 2 cells, the header 1: \['b', 'c'\]", id="long row"),
        pytest.param([["a"], ["b\nc"]], r"row 1: a cell is one line of text, got 'b\\nc'", id="line break"),
    ],
)
def test_what_is_no_table_is_refused(rows: list[list[str]], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        format_table(rows)
