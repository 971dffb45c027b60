"""Chapters and assignments open and run in plain JupyterLab, in a real browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import nbformat
import pytest
from conftest import ROOT

from grading.samples import write_samples

RUN_ALL = """async (path) => {
    const app = window.jupyterapp;
    await app.commands.execute('application:close-all');
    const panel = await app.commands.execute('docmanager:open', { path });
    await panel.context.ready;
    await panel.sessionContext.ready;
    await app.commands.execute('notebook:run-all-cells');
    await panel.context.save(); // else it asks when it is closed
    const cells = panel.content.model.sharedModel.cells.filter(cell => cell.cell_type === 'code');
    return cells.map(cell => ({
        source: cell.getSource(),
        count: cell.execution_count,
        errors: cell.outputs.filter(o => o.output_type === 'error').map(o => `${o.ename}: ${o.evalue}`),
    }));
}"""


pytestmark = pytest.mark.slow  # `make test` runs all cells by nbval, and the explorers in test_explorers.py


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Return the address of a JupyterLab that shows chapters, and an assignment that a student has solved."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "chapters", folder / "chapters")
    write_samples(folder / "samples")
    (folder / "assignments").mkdir()
    shutil.copy(folder / "samples/ada/forward.ipynb", folder / "assignments")
    cells = ["from bnutils.explorers import explore_batch", "explore_batch()", "'the next cell'"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}  # else JupyterLab asks for one
    nbformat.write(notebook, folder / "explorer.ipynb")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("jupyter"), "lab", "--no-browser", "--allow-root", f"--port={port}"]
    options = ["--IdentityProvider.token=reader", "--LabApp.expose_app_in_browser=True"]
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "config"),
    }
    server = subprocess.Popen(
        [*command, *options], cwd=folder, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    address = f"http://localhost:{port}"
    for _ in range(120):
        try:
            urlopen(f"{address}/api", timeout=1).close()
            break
        except OSError:
            time.sleep(0.5)
    yield address
    os.killpg(server.pid, signal.SIGTERM)
    server.wait()


@pytest.fixture(scope="module")
def tab(browser, lab):
    """Return a tab in which JupyterLab is open; it takes longer to start than a chapter to run."""
    tab = browser.new_page()
    tab.set_default_timeout(120_000)
    tab.goto(f"{lab}/lab?token=reader&reset")
    tab.wait_for_function("window.jupyterapp?.restored.then(() => true)")
    yield tab
    tab.close()


@pytest.mark.parametrize(
    "notebook", ["chapters/02_formula.ipynb", "chapters/06_pytorch.ipynb", "assignments/forward.ipynb"]
)
def test_notebook_opens_and_all_its_cells_run(tab, notebook):
    cells = tab.evaluate(RUN_ALL, notebook)
    assert len(cells) > 5
    assert [(cell["source"], cell["errors"]) for cell in cells if cell["errors"]] == []
    assert all(cell["count"] for cell in cells if cell["source"].strip())


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_explorer_works_and_keeps_the_arrow_keys(tab, theme):
    errors = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    tab.evaluate(RUN_ALL, "explorer.ipynb")
    slider = tab.locator("bn-batch").get_by_role("slider", name="scale γ")
    slider.click()  # in the middle, at 0
    chosen = "jupyterapp.shell.currentWidget.content.activeCellIndex"
    before = tab.evaluate(chosen)
    for key in ["ArrowRight", "ArrowRight", "ArrowUp", "ArrowDown", "ArrowDown", "ArrowRight"]:
        slider.press(key)
    for key in ["ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp"]:
        tab.locator("bn-batch").get_by_role("slider", name="z of sample 1").press(key)
    state = tab.locator("bn-batch").evaluate("e => e.state")
    assert state["z"][0] == 7
    assert state["gamma"] == pytest.approx(0.2)
    assert state["out"]["std"] == pytest.approx(0.2, abs=1e-4)
    assert tab.evaluate(chosen) == before
    ink = tab.locator("bn-batch .live svg text").first.evaluate("e => getComputedStyle(e).fill")
    assert ("255" in ink) == (theme == "JupyterLab Dark")  # white letters on dark, black ones on light
    assert errors == []
