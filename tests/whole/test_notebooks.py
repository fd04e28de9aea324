"""The notebooks: every cell runs from top to bottom, and none holds outputs."""

import json
import pathlib

import pytest

from tests.whole.test_runs import ROOT, environment

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Shorter trainings; what a cell does stays the same.
_SHORTER = {
    'config = gan_jax.load_config("quickstart")\n': 'config = gan_jax.load_config("quickstart")\n'
    "config.judge.train.num_steps = 20\n"
    "config.evaluation.num_samples = 200\n"
    "config.steps_per_call = 5\n",
    "num_steps = 4000": "num_steps = 20",
    "num_steps // 4": "num_steps // 2",
    "num_steps = 600": "num_steps = 30",
    "config.batch_size = 64": "config.batch_size = 16",
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_holds_no_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert all(not cell.get("outputs") for cell in cells)
    assert all(cell.get("execution_count") is None for cell in cells)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_twice(path, tmp_path, monkeypatch):
    """The second time a run in its folder is finished, and is left as it is."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        for text, shorter in _SHORTER.items():
            cell.source = cell.source.replace(text, shorter)
    for _ in range(2):
        client = nbclient.NotebookClient(
            book, timeout=900, resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute()
    texts = [
        output.get("text", "") + str(output.get("data", {}).get("text/html", ""))
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    assert "fd_semantic" in "".join(texts) or pathlib.Path(tmp_path / "runs").exists()
