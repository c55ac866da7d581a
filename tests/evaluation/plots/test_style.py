"""Styles: colours that anyone can tell apart, on either background."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from keras_siamese.evaluation.plots.style import (
    STYLES,
    add_legend,
    as_pixels,
    class_colors,
    class_marks,
    finish_axes,
    get_style,
    new_figure,
)

# What people without one kind of cones see, in linear RGB: Machado, Oliveira and Fernandes, 2009.
VIEWS = {
    "all": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colors):
    colors = np.array([to_rgb(color) for color in colors])
    return np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Coordinates whose Euclidean distance is how different colours look (Ottosson, 2020)."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return np.cbrt(rgb @ cones.T) @ lab.T


def contrast(color, background):
    """As the Web Content Accessibility Guidelines define it: 1 to 21."""
    one, other = (linear([x])[0] @ [0.2126, 0.7152, 0.0722] + 0.05 for x in (color, background))
    return max(one, other) / min(one, other)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_any_two_series_are_apart_for_everyone(style, view):
    seen = np.clip(linear(style.series) @ np.transpose(VIEWS[view]), 0, 1)
    lab = oklab(seen)
    apart = np.linalg.norm(lab[:, None] - lab, axis=-1) + np.eye(len(lab))
    assert apart.min() > 0.07
    right, wrong = oklab(
        np.clip(linear([style.right, style.wrong]) @ np.transpose(VIEWS[view]), 0, 1)
    )
    assert np.linalg.norm(right - wrong) > 0.15


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_all_is_legible_on_its_background(style):
    assert contrast(style.text, style.background) > 12
    assert contrast(style.muted, style.background) > 4.5
    assert min(contrast(color, style.background) for color in style.series) > 2.2
    shades = style.shades(np.linspace(0, 1, 50))
    assert min(contrast(color, style.background) for color in shades) > 1.3


def test_classes_of_one_colour_have_two_marks():
    style = STYLES["light"]
    for num_classes in (1, 2, 10, 11, 20):
        looks = [
            (*color, mark)
            for color, mark in zip(
                class_colors(num_classes, style), class_marks(num_classes, style), strict=True
            )
        ]
        assert len(set(looks)) == num_classes
    assert len(np.unique(class_colors(200, style), axis=0)) == 200
    assert set(class_marks(200, style)) == {"o"}


def test_figure_axes_and_legend_have_the_colours(style_name):
    style = get_style(style_name)
    assert get_style(style) is style
    figure = new_figure(style, 3, 2, title="Title")
    axes = figure.subplots()
    axes.plot([0, 1], label="line")
    finish_axes(axes, style, title="Axes", xlabel="x", ylabel="y")
    add_legend(axes, style)
    assert figure.get_facecolor()[:3] == axes.get_facecolor()[:3] == to_rgb(style.background)
    texts = [figure._suptitle, axes.title, axes.xaxis.label, *axes.get_legend().get_texts()]
    assert {to_rgb(text.get_color()) for text in texts} == {to_rgb(style.text)}
    assert to_rgb(axes.get_xticklabels()[0].get_color()) == to_rgb(style.muted)


def test_pixels_are_the_figure_as_it_is_drawn():
    figure = new_figure(get_style("dark"), 2, 1, title="Title")
    pixels = as_pixels(figure)
    assert pixels.shape == (120, 240, 3) and pixels.dtype == np.uint8
    assert tuple(pixels[0, 0] / 255) == to_rgb(get_style("dark").background)
    assert (pixels == pixels[-1, 0]).mean() < 0.99, "a title is on it"


def test_bad_input():
    with pytest.raises(ValueError, match=r"`style`.*'dark', 'light'.*Did you mean 'dark'"):
        get_style("drak")
