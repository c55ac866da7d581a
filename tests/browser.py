"""TensorBoard as a user sees it: a real one on a free local port, in a headless Chromium."""

import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from PIL import Image

T = TypeVar("T")

_MISSING = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {' and '.join(_MISSING)}"),
]

_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--window-size=1300,900",
    "--force-device-scale-factor=1",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # WebGL in software.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]

# Elements that match a selector and can be seen, in shadow trees, too.
_DEEP = """
const found = [], roots = [document];
while (roots.length) {
  const root = roots.shift();
  found.push(...root.querySelectorAll(arguments[0]));
  for (const element of root.querySelectorAll('*'))
    if (element.shadowRoot) roots.push(element.shadowRoot);
}
const seen = found.filter(x => x.checkVisibility({visibilityProperty: true, opacityProperty: true})
                               && x.getBoundingClientRect().width > 0);
"""


def wait_for(condition: Callable[[], T], what: str, seconds: float = 30) -> T:
    """Returns what `condition` gives as soon as that is true."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds} seconds in vain for {what}"
        time.sleep(0.1)


@contextmanager
def tensorboard(log_dir: Path, output: Path) -> Iterator[str]:
    """Runs TensorBoard on a free port of this machine.

    Args:
        log_dir: What it shows.
        output: The file that its messages are written to.

    Yields: Its address, which ends in a slash.
    """
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(log_dir)]
    options = ["--host", "127.0.0.1", "--port", "0", "--reload_interval", "1"]
    with output.open("wb") as file:
        process = subprocess.Popen([*command, *options], stdout=file, stderr=file)

    def address() -> str | None:
        assert process.poll() is None, output.read_text()
        found = re.search(r"http://127\.0\.0\.1:\d+/", output.read_text())
        return found and found[0]

    try:
        yield wait_for(address, "TensorBoard", 120)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def chromium(profile: Path) -> Iterator["Browser"]:
    """Runs a headless Chromium.

    Args:
        profile: An empty directory for its files.
    """
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in [*_FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(executable_path=shutil.which("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


class Browser:
    """What tests do with a browser."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.switch_to.default_content()
        self.driver.get("about:blank")  # Otherwise another fragment is no new page.
        self.driver.get(url)

    def enter_frame(self) -> None:
        self.driver.switch_to.frame(self.one("iframe"))

    def script(self, source: str, *arguments: Any) -> Any:
        return self.driver.execute_script(source, *arguments)

    def all(self, selector: str) -> list[Any]:
        """Returns the elements that match and are seen, in shadow trees, too."""
        return self.script(f"{_DEEP} return seen;", selector)

    def one(self, selector: str) -> Any:
        return wait_for(lambda: self.all(selector), f"an element {selector!r}")[0]

    def values(self, selector: str, expression: str) -> list[Any]:
        """Returns something of each element `x` that matches and is seen."""
        return self.script(f"{_DEEP} return seen.map(x => {expression});", selector)

    def texts(self, selector: str) -> list[str]:
        return self.values(selector, "x.textContent.trim()")

    def type(self, text: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(text).perform()

    def errors(self) -> list[str]:
        """Returns what the console said of errors since the last call."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def requests(self) -> list[str]:
        """Returns the addresses that the frame has fetched."""
        return self.script("return performance.getEntriesByType('resource').map(x => x.name)")

    def screenshot(self, name: str) -> None:
        """Keeps a picture of the page where asked for."""
        directory = os.environ.get("KERAS_SIAMESE_SCREENSHOTS")
        if directory:
            Path(directory).mkdir(parents=True, exist_ok=True)
            self.driver.get_screenshot_as_file(str(Path(directory) / f"{name}.png"))


class Projector:
    """The tab Projector, as its user sees it.

    Args:
        browser: The browser.
        url: TensorBoard's address.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        browser.open(f"{url}#projector")
        browser.enter_frame()  # of the tab
        browser.enter_frame()  # of the Projector
        browser.one("vz-projector")
        self.wait()

    def _get(self, expression: str) -> Any:
        """Returns something of the `vz-projector` element `p`."""
        source = f"{_DEEP} const p = seen[0]; return {expression};"
        return self.browser.script(source, "vz-projector")

    def wait(self) -> None:
        """Waits until the chosen snapshot is drawn, and holds the points still."""
        wait_for(
            lambda: self._get("Boolean(p && p.dataSet && p.projection)") or self.complaints(),
            "the Projector's points",
        )
        self._get("p.projectorScatterPlotAdapter.scatterPlot.stopOrbitAnimation()")
        # Two frames, for what the new points have changed.
        self.browser.driver.execute_async_script(
            "const [done] = arguments; requestAnimationFrame(() => requestAnimationFrame(done))"
        )

    def complaints(self) -> list[str]:
        """Returns what the Projector says is wrong."""
        return self._get(
            "[...p.shadowRoot.querySelectorAll('.notify-msg.error')].map(x => x.textContent)"
            ".concat(p.shadowRoot.querySelector('#toast').text || [])"
        )

    def chosen(self, label: str) -> str:
        """Returns what a menu says is chosen."""
        return self._menu(label).get_property("value") or ""

    def options(self, label: str) -> list[str]:
        """Returns what a menu offers."""
        return list(self._items(label))

    def choose(self, label: str, option: str) -> None:
        """Chooses from a menu."""
        if self.chosen(label) == option:
            return
        items = self._items(label)
        self._menu(label).click()
        wait_for(items[option].is_displayed, f"the menu {label!r} to open")
        items[option].click()
        wait_for(lambda: self.chosen(label) == option, f"{option!r} to be chosen")
        self.wait()

    def _menu(self, label: str) -> Any:
        """Returns a menu whose label ends in a text, such as 'Color by' or 'tensors found'."""
        source = (
            f"{_DEEP} const menu = seen.find(x => x.label && x.label.endsWith(arguments[1]));"
            "menu.noAnimations = true; return menu;"
        )
        return self.browser.script(source, "paper-dropdown-menu", label)

    def _items(self, label: str) -> dict[str, Any]:
        """Returns the items of a menu by their first lines."""
        items = self._menu(label).find_elements("css selector", "paper-item")
        return {item.get_property("textContent").strip().split("\n")[0]: item for item in items}

    def num_points(self) -> int:
        """Returns what the status bar says."""
        return int(self.browser.one(".numDataPoints").text)

    def vectors(self) -> np.ndarray:
        """Returns the embeddings that are drawn."""
        return np.array(self._get("p.dataSet.points.map(x => [...x.vector])"), "float32")

    def legend(self) -> dict[str, tuple[int, int, int]]:
        """Returns the colours that the legend names."""
        colours = self.browser.values(".item > .shape", "getComputedStyle(x).backgroundColor")
        labels = self.browser.texts(".item > .label")
        return {
            label: tuple(map(int, re.findall(r"\d+", colour)))
            for label, colour in zip(labels, colours, strict=True)
        }

    def colours(self) -> set[tuple[int, int, int]]:
        """Returns the colours of which more than a few pixels are drawn."""
        content = self.browser.one("#scatter canvas").screenshot_as_png
        with Image.open(io.BytesIO(content)) as picture:
            counts = picture.convert("RGB").getcolors(picture.width * picture.height)
        return {colour for count, colour in counts if count > 20}

    def use_bookmark(self, name: str) -> None:
        """Clicks on a saved view."""
        source = (
            f"{_DEEP} return seen.find(x => x.querySelector('paper-textarea').value === "
            "arguments[1]).querySelector('.state-radio paper-icon-button');"
        )
        wait_for(lambda: self.browser.all(".state-row"), "the saved views")
        self.browser.script(source, ".state-row", name).click()
        self.wait()

    def card_of(self, point: int) -> list[str]:
        """Selects a point; returns the lines of its card."""
        self._get(f"p.notifySelectionChanged([{point}])")
        return self.browser.one("#metadata-card").text.splitlines()
