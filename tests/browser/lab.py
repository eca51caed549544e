"""A real JupyterLab on a free port of this machine, and a headless Chromium that drives it.

Reusable by any browser test::

    with running_lab(tmp_path) as lab, chromium() as browser:
        page = lab.open(browser, "try.ipynb", ["1 + 1", "widget"])
        lab.run_all(page)
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat

CHROMIUM = os.environ.get("SECO_LAB_CHROMIUM", "/usr/bin/chromium")
REPOSITORY = Path(__file__).resolve().parents[2]
# WebGL by the processor where there is no graphics card. The page itself is then put together by the
# processor as well, as in anybody's browser; --use-angle=swiftshader would send that, too, through the
# emulated card, at more than ten times the cost of a frame.
CHROMIUM_ARGS = ("--no-sandbox", "--enable-unsafe-swiftshader")
PATIENCE_MS = 90_000
OUTPUTS = """() => [...document.querySelectorAll('.jp-OutputArea-output')]
  .map(output => output.textContent).join('\\n')"""
ANY_STARTED = r"""() => [...document.querySelectorAll('.jp-InputPrompt')]
  .some(prompt => /\[[*\d]+\]/.test(prompt.textContent))"""


@contextmanager
def chromium(*more_args: str):
    """A headless browser that knows no way out of this machine."""
    from playwright.sync_api import sync_playwright

    closed = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, closed, *more_args]
        )
        yield browser
        browser.close()


@dataclass
class Lab:
    """A running server: its address and the folder that it shows."""

    url: str
    folder: Path

    def write(self, name: str, cells: list[str]) -> None:
        """A notebook of code cells; with a kernel named, or a dialog would block the page."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(notebook, self.folder / name)

    def open(self, browser, name: str, cells: list[str], *, width: int = 1500, height: int = 1300):
        """A page with a new notebook, its kernel started."""
        self.write(name, cells)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.console_errors = []
        page.on("console", lambda m: page.console_errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.console_errors.append(str(error)))
        page.goto(f"{self.url}/lab/tree/{name}?reset", wait_until="domcontentloaded")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=PATIENCE_MS)
        # Commands that come before the kernel open a dialog that covers the page.
        page.wait_for_selector("#jp-main-statusbar >> text=Idle", timeout=PATIENCE_MS)
        return page

    def run_all(self, page) -> None:
        """Start all cells; the first attempts are lost while the kernel is not yet connected."""
        command = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not page.evaluate(ANY_STARTED):
            if time.monotonic() > deadline:
                raise TimeoutError("the kernel did not start to run the notebook")
            page.evaluate(command + " && undefined")
            page.wait_for_timeout(1500)

    def reload(self, page, selector: str) -> None:
        """Save the notebook and load its page anew until a widget is back.

        JupyterLab gives the kernel four seconds to hand out all widgets, which a busy machine may exceed.
        """
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save').then(() => true)")
        for _ in range(3):
            page.goto(page.url.partition("?")[0], wait_until="domcontentloaded")
            page.wait_for_selector(f"{selector}, :text('model not found')", timeout=PATIENCE_MS)
            if page.locator(selector).count():
                return
        raise AssertionError("the widgets of the kernel are not found after the page was loaded anew")

    def wait_for_text(self, page, text: str) -> None:
        """Wait until a cell has printed a text; an error in a cell ends the waiting."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while text not in (seen := page.evaluate(OUTPUTS)):
            if "Traceback" in seen or time.monotonic() > deadline:
                raise AssertionError(f"waited for {text!r}, the notebook says: {seen[-3000:]}")
            page.wait_for_timeout(200)


@contextmanager
def running_lab(folder: Path):
    """JupyterLab with its own configuration folders, stopped at the end."""
    port = free_port()
    home, work = folder / "home", folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            command_line(port, work, settings_folder(home)),
            env=environment(home),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_up(f"http://127.0.0.1:{port}/api", server, folder / "lab.log")
            yield Lab(f"http://127.0.0.1:{port}", work)
        finally:
            server.terminate()
            server.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def settings_folder(home: Path) -> Path:
    """Every output stays in the page, and no question about news from the internet."""
    folder = home / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    }
    (folder / "overrides.json").write_text(json.dumps(settings))
    return folder


def command_line(port: int, work: Path, settings: Path) -> list[str]:
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": work,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": "",
        "LabApp.app_settings_dir": settings,
        "LabApp.expose_app_in_browser": True,
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]


def environment(home: Path) -> dict[str, str]:
    names = (
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "IPYTHONDIR",
        "JUPYTERLAB_SETTINGS_DIR",
    )
    own = {name: str(home / name.lower()) for name in (*names, "JUPYTERLAB_WORKSPACES_DIR")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    code = f"{REPOSITORY}{os.pathsep}{Path(__file__).parent}"
    return {**os.environ, **own, "PATH": path, "PYTHONPATH": code, "JUPYTER_PLATFORM_DIRS": "1"}


def wait_until_up(url: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab ended at once: {log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise TimeoutError(f"JupyterLab did not answer: {log.read_text()[-2000:]}")
