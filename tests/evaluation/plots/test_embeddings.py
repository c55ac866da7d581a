"""plot_embeddings: what is drawn, whole, the same each time, without global state."""

import io

import numpy as np
import pytest
from matplotlib import pyplot

from keras_siamese.evaluation import plot_embeddings


@pytest.fixture
def clusters(rng):
    """60 items: three classes of 20, far apart."""
    labels = np.repeat([0, 1, 2], 20)
    return rng.normal(size=(60, 5)) + 20.0 * np.eye(5)[labels], labels


def points(figure, panel=0):
    return np.asarray(figure.axes[panel].collections[0].get_offsets())


def colors(figure, panel=0):
    return figure.axes[panel].collections[0].get_facecolor()


def png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_classes_far_apart_are_drawn_apart_in_their_colours(method, clusters):
    embeddings, labels = clusters
    figure = plot_embeddings({"map": embeddings}, labels, method=method)
    xy, color = points(figure), colors(figure)
    same = (color[:, None] == color[None]).all(axis=-1)
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=-1)
    assert same.sum() == 3 * 20 * 20
    assert distance[same].max() < distance[~same].min()


def test_pca_keeps_the_distances_of_a_plane(rng):
    plane = rng.normal(size=(30, 2)) * [3.0, 1.0]
    space = plane @ np.linalg.qr(rng.normal(size=(6, 2)))[0].T + 7.0
    xy = points(plot_embeddings({"map": space}, np.arange(30) % 2, method="pca"))
    wanted = np.sort(np.linalg.norm(plane[:, None] - plane[None], axis=-1), axis=None)
    found = np.sort(np.linalg.norm(xy[:, None] - xy[None], axis=-1), axis=None)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_panels_show_the_same_items(rng):
    labels = rng.integers(4, size=100)
    x = rng.normal(size=(100, 2, 3))  # images are flattened
    figure = plot_embeddings(
        {"x": x, "flat": x.reshape(100, 6)}, labels, method="pca", max_points=30
    )
    assert [axes.get_title() for axes in figure.axes] == ["x", "flat"]
    assert len(points(figure)) == 30
    np.testing.assert_array_equal(points(figure, 0), points(figure, 1))
    np.testing.assert_array_equal(colors(figure, 0), colors(figure, 1))


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_same_picture_each_time_and_no_global_state(method, clusters):
    embeddings, labels = clusters
    first, again = (png(plot_embeddings({"map": embeddings}, labels, method=method)) for _ in "ab")
    assert first == again
    other = plot_embeddings({"map": embeddings}, labels, method=method, max_points=40, seed=1)
    assert png(other) != first
    assert pyplot.get_fignums() == []


def test_legend_names_the_classes_and_nothing_is_cut_off(clusters):
    embeddings, _ = clusters
    labels = np.repeat(np.arange(20), 3)
    names = [f"class with a long name, {number}" for number in range(25)]
    panels = dict.fromkeys(["raw pixels", "untrained encoder", "trained encoder"], embeddings)
    figure = plot_embeddings(
        panels, labels, method="pca", class_names=names, title="Embeddings of unseen items"
    )
    assert legend_texts(figure) == names[:20]
    png(figure)  # lays the figure out
    for artist in [*figure.axes, *figure.legends, figure._suptitle]:
        box = artist.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    width, height = figure.get_size_inches()
    assert 13 <= width <= 14 and 4 <= height <= 4.6
    assert not any(axes.get_xticks().size or axes.get_yticks().size for axes in figure.axes)


def test_legend_has_the_colours_of_the_points():
    labels = np.repeat([0, 1, 2], 5)
    figure = plot_embeddings({"map": np.array([[0.0], [1.0], [9.0]])[labels]}, labels, method="pca")
    # Whichever way round the line is drawn, class 2 is at its far end.
    along = np.abs(points(figure)[:, 0] - points(figure)[np.abs(points(figure)[:, 0]).argmax(), 0])
    for handle, distance in zip(figure.legends[0].legend_handles, (9.0, 8.0, 0.0), strict=True):
        drawn = colors(figure)[np.isclose(along, distance, atol=1e-4)]
        assert len(drawn) == 5
        np.testing.assert_array_equal(drawn[:, :3], np.tile(handle.get_color()[:3], (5, 1)))


def test_names_of_integer_labels_go_by_value(clusters):
    embeddings, labels = clusters
    fashion = ["top", "trouser", "pullover", "dress", "coat"]
    figure = plot_embeddings({"map": embeddings}, labels + 2, method="pca", class_names=fashion)
    assert legend_texts(figure) == ["pullover", "dress", "coat"]
    figure = plot_embeddings({"map": embeddings}, np.array(list("cab"))[labels], method="pca")
    assert legend_texts(figure) == ["a", "b", "c"]


def test_many_classes_are_counted_instead_of_named(rng):
    labels = np.arange(60) % 30
    figure = plot_embeddings({"map": rng.normal(size=(60, 3))}, labels, method="pca")
    assert figure.legends == []
    assert "30 classes" in figure.get_supxlabel()
    assert len(np.unique(colors(figure), axis=0)) == 30


@pytest.mark.parametrize("method", ["tsne", "pca"])
@pytest.mark.parametrize(
    "embeddings",
    [np.ones((6, 4)), np.arange(6.0)[:, None], np.eye(6)[:, :3], np.zeros((1, 4)), np.eye(2)],
    ids=["collapsed", "one dimension", "few items", "one item", "two items"],
)
def test_degenerate_embeddings_are_drawn(embeddings, method):
    figure = plot_embeddings({"map": embeddings}, np.zeros(len(embeddings), int), method=method)
    assert points(figure).shape == (len(embeddings), 2)
    assert np.isfinite(points(figure)).all()
    assert png(figure)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"panels": {}}, "`panels` is empty"),
        ({"panels": {"map": np.zeros((3, 2))}}, r"as many labels.*'panel map': 3"),
        ({"panels": {"map": np.full((4, 2), np.nan)}}, "'map' must be finite"),
        ({"labels": [0.5, 1.0, 2.0, 3.0]}, "floats"),
        ({"method": "isomap"}, "`method`"),
        ({"max_points": 0}, "`max_points`"),
        ({"class_names": ["a", "b"]}, "2 names for labels from 0 to 2"),
        ({"labels": [-1, 0, 1, 1], "class_names": ["a", "b"]}, "from -1 to 1"),
        ({"labels": list("aabb"), "class_names": ["a", "b"]}, "integer labels"),
    ],
)
def test_bad_input(arguments, message):
    good = {"panels": {"map": np.eye(4)}, "labels": [0, 1, 2, 2], "method": "pca"}
    with pytest.raises(ValueError, match=message):
        plot_embeddings(**{**good, **arguments})


def test_one_array_is_one_panel_without_a_title(clusters, draw):
    embeddings, labels = clusters
    figure = draw(plot_embeddings(embeddings, labels, method="pca", style="dark"))
    assert [axes.get_title() for axes in figure.axes] == [""]
    assert len(points(figure)) == 60


def test_more_than_ten_classes_have_marks_too(rng, draw):
    labels = np.arange(60) % 12
    figure = draw(plot_embeddings(rng.normal(size=(60, 3)), labels, method="pca"))
    paths = figure.axes[0].collections[0].get_paths()
    looks = {(tuple(color), len(path)) for color, path in zip(colors(figure), paths, strict=True)}
    assert len(looks) == 12
    marks = {handle.get_marker() for handle in figure.legends[0].legend_handles}
    assert marks == {"o", "^"}


def test_pictures_do_not_touch_each_other(clusters, rng, draw):
    embeddings, labels = clusters
    pictures = rng.integers(0, 256, (60, 9, 5, 3), dtype=np.uint8)
    figure = draw(plot_embeddings(embeddings, labels, items=pictures, method="pca"))
    (image,) = figure.axes[0].images
    canvas = image.get_array()
    # Three far clusters: at least one picture each, framed in its colour.
    drawn = canvas[canvas[..., 3] > 0][:, :3]
    for color in np.unique(colors(figure), axis=0):
        assert (drawn == np.rint(color[:3] * 255)).all(axis=1).any()
    assert image.get_extent() == [*figure.axes[0].get_xlim(), *figure.axes[0].get_ylim()]


def test_pictures_must_be_pictures(clusters):
    embeddings, labels = clusters
    with pytest.raises(ValueError, match=r"must be images.*texts"):
        plot_embeddings(embeddings, labels, items=["text"] * 60, method="pca")
