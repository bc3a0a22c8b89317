import numpy as np
import pytest

from cvsi_db.errors import ModelError
from cvsi_db.models.unit_vectors import normalise


def test_rows_get_length_one_and_keep_their_direction() -> None:
    assert normalise(np.array([[3.0, 4.0], [0.0, -2.0]], np.float32), 2).tolist() == [
        pytest.approx([0.6, 0.8]),
        [0.0, -1.0],
    ]


@pytest.mark.parametrize("row", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_a_row_without_a_direction_is_refused(row: list[float]) -> None:
    with pytest.raises(ModelError, match="zero or not finite"):
        normalise(np.array([[1.0, 0.0], row], np.float32), 2)


def test_the_wrong_number_of_rows_is_refused() -> None:
    with pytest.raises(ModelError, match=r"shape \(1, 2\) for 2 inputs"):
        normalise(np.ones((1, 2), np.float32), 2)
