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

import pytest
from conftest import ROOT

from grading.samples import write_samples

RUN_ALL = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await app.commands.execute('notebook:run-all-cells');
    const cells = panel.content.model.sharedModel.cells.filter(cell => cell.cell_type === 'code');
    return cells.map(cell => ({
        source: cell.getSource(),
        count: cell.execution_count,
        errors: cell.outputs.filter(o => o.output_type === 'error').map(o => `${o.ename}: ${o.evalue}`),
    }));
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Return the address of a JupyterLab that shows chapters, and an assignment that a student has solved."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "chapters", folder / "chapters")
    write_samples(folder / "samples")
    (folder / "assignments").mkdir()
    shutil.copy(folder / "samples/ada/forward.ipynb", folder / "assignments")
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


@pytest.mark.parametrize(
    "notebook", ["chapters/02_formula.ipynb", "chapters/06_pytorch.ipynb", "assignments/forward.ipynb"]
)
def test_notebook_opens_and_all_its_cells_run(browser, lab, notebook):
    tab = browser.new_page()
    tab.set_default_timeout(120_000)
    tab.goto(f"{lab}/lab/tree/{notebook}?token=reader&reset")
    tab.wait_for_selector(".jp-NotebookPanel")
    cells = tab.evaluate(RUN_ALL)
    tab.close()
    assert len(cells) > 5
    assert [(cell["source"], cell["errors"]) for cell in cells if cell["errors"]] == []
    assert all(cell["count"] for cell in cells if cell["source"].strip())
