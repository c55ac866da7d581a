"""plot_neighbours: the right neighbours, without the query, marked right or wrong."""

import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.evaluation.labelled_space import read_space
from keras_siamese.evaluation.plots.neighbours import (
    choose_queries,
    neighbour_rows,
    plot_neighbours,
)


def places(rows):
    return [[cell.place for cell in group.cells] for (group,) in rows]


def rows_of(embeddings, labels, queries, k, gallery=None):
    euclidean = distances.get("euclidean")
    return neighbour_rows(read_space(embeddings, labels), gallery, np.array(queries), k, euclidean)


def test_neighbours_by_hand():
    rows = rows_of([[0.0], [1.0], [1.25], [9.0]], ["a", "a", "b", "b"], [0, 2], 2)
    assert places(rows) == [[0, 1, 2], [2, 1, 0]]
    query, nearest, next_one = rows[0][0].cells
    assert query.is_right is None and query.caption == ("query", "a")
    assert nearest.is_right is True and nearest.caption == ("1.00", "a")
    assert next_one.is_right is False and next_one.caption == ("1.25", "b")


def test_among_copies_the_query_is_left_out_by_its_place():
    rows = rows_of(np.zeros((5, 2)), [0, 0, 1, 1, 1], [0, 4], 3)
    for query, found in zip([0, 4], places(rows), strict=True):
        assert found[0] == query and query not in found[1:]
        assert len(found) == 4


def test_fewer_items_than_k():
    assert places(rows_of([[0.0], [1.0]], [0, 1], [1], 9)) == [[1, 0]]


def test_a_gallery_is_searched_whole(digits, draw, texts_of):
    embeddings, labels, images = digits
    gallery = read_space(embeddings, labels)
    rows = rows_of(embeddings[:3], labels[:3], [0, 1], 2, gallery)
    assert [found[1] for found in places(rows)] == [0, 1]  # itself, for it is in the gallery
    figure = plot_neighbours(
        embeddings[:3],
        labels[:3],
        images[:3],
        gallery=(embeddings, labels, images),
        queries=2,
        k=4,
    )
    assert len(draw(figure).axes[0].images) == 2 * 5


def test_marks(style_name, digits, draw, texts_of):
    embeddings, labels, images = digits
    figure = draw(plot_neighbours(embeddings, labels, images, queries=4, k=6, style=style_name))
    assert len(figure.axes[0].images) == 4 * 7
    assert texts_of(figure).count("✓") + texts_of(figure).count("✗") == 4 * 6


def test_one_query(digits, draw):
    embeddings, labels, _ = digits
    texts = ["a text"] * 40
    assert draw(plot_neighbours(embeddings, labels, texts, queries=[3], k=1, title="One" * 40))


def test_queries_are_drawn_by_the_seed():
    assert choose_queries(3, 100, 1).tolist() == choose_queries(3, 100, 1).tolist()
    assert choose_queries(3, 100, 1).tolist() != choose_queries(3, 100, 2).tolist()
    assert choose_queries(9, 4).tolist() == [0, 1, 2, 3]
    assert choose_queries([7, 2], 9).tolist() == [7, 2]


def test_bad_input(digits):
    embeddings, labels, _ = digits
    with pytest.raises(ValueError, match="Expected 2 items or more"):
        plot_neighbours([[0.0]], [0])
    with pytest.raises(ValueError, match=r"`queries` must be places of items, 0 to 39"):
        plot_neighbours(embeddings, labels, queries=[40])
    with pytest.raises(ValueError, match=r"`queries`.*dtype float64"):
        plot_neighbours(embeddings, labels, queries=[0.5])
    with pytest.raises(ValueError, match="`k`"):
        plot_neighbours(embeddings, labels, k=0)
    with pytest.raises(ValueError, match=r"same size\. Received: 6 and 2"):
        plot_neighbours(embeddings, labels, gallery=([[0.0, 1.0]], ["ant"], None))
