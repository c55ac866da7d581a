"""Page: one file that asks for no other, whatever stands in the texts."""

import base64
import html.parser
import io
import re

import numpy as np
import pytest
from PIL import Image

from keras_siamese.evaluation.html import Page
from keras_siamese.evaluation.plots.items import Items
from keras_siamese.evaluation.plots.rows import Cell, Group
from keras_siamese.evaluation.plots.style import STYLES, new_figure

HOSTILE = "</td></title><script>alert('1')</script><img src=x onerror=\"alert(2)\">&amp; $body"


class Tags(html.parser.HTMLParser):
    """Collects tags and texts, and checks that what is opened is closed."""

    EMPTY = ("meta", "img", "source")

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts.append(text)


def rows():
    return [[Group((Cell(0, ("query", HOSTILE)), Cell(1, ("0.5", "b"), True)))]]


def full_page():
    page = Page(HOSTILE)
    page.add_heading(HOSTILE)
    page.add_text(HOSTILE, is_note=True)
    page.add_table(["", HOSTILE], [[HOSTILE, "1"]])
    page.add_plots({HOSTILE: lambda style: new_figure(style, 2, 1)})
    page.add_rows(rows(), [Items([HOSTILE, "two"], 2)])
    page.add_rows(rows(), [Items(np.zeros((2, 4, 4)), 2)], is_wide=True)
    return page.render()


def test_hostile_texts_stay_texts():
    found = Tags(full_page())
    assert "script" not in {tag for tag, _ in found.tags}
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    assert found.texts.count(HOSTILE) == 9
    assert any(attributes.get("alt") == HOSTILE for _, attributes in found.tags)


def test_nothing_is_fetched_and_nothing_runs():
    text = full_page()
    found = Tags(text)
    addresses = [
        attributes[name]
        for _, attributes in found.tags
        for name in ("src", "srcset", "href")
        if name in attributes
    ]
    assert len(addresses) == 4 and all(x.startswith("data:image/png;base64,") for x in addresses)
    assert "url(" not in text and "@import" not in text
    assert "default-src 'none'" in text


def test_plots_are_there_in_both_styles():
    page = Page("Title")
    page.add_plots({"a plot": lambda style: new_figure(style, 2, 1)})
    dark, light = re.findall(r'(?:srcset|src)="data:image/png;base64,([^"]+)"', page.render())
    for name, png in (("light", light), ("dark", dark)):
        with Image.open(io.BytesIO(base64.b64decode(png))) as image:
            assert image.size == (320, 160)
            background = "#{:02x}{:02x}{:02x}".format(*image.convert("RGB").getpixel((5, 5)))
            assert background == STYLES[name].background
    assert 'width="200" height="100"' in page.render()
    assert "@media (prefers-color-scheme: dark)" in page.render()
    for style in STYLES.values():
        assert f"--text: {style.text}" in page.render()


def test_right_and_wrong_are_marked():
    page = Page("Title")
    cells = (Cell(0, ("query",)), Cell(1, ("1", "a"), True), Cell(2, ("2", "b"), False))
    page.add_rows([[Group(cells)]], [Items(np.zeros((3, 4, 4, 3)), 3)])
    page.add_rows([[Group(cells)]], [Items(["one", "two", "x" * 900], 3)])
    text = page.render()
    assert text.count("✓") == text.count("✗") == 2
    assert 'class="cell right' in text and 'class="cell wrong' in text
    assert "x" * 500 + "…" in text and "x" * 501 not in text


def test_the_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "new" / "page.html"
    Page("Où").write(path)
    assert "<h1>Où</h1>" in path.read_text(encoding="utf-8")
    before = path.read_bytes()
    page = Page("Title")
    page.render = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        page.write(path)
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1
