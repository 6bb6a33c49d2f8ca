"""Running, cleaning and stamping, on small notebooks in real kernels."""

import io
import json
import os
import platform
import signal
import subprocess
import sys
import time

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook
from rich.console import Console

from lecturelib import notebooks, record, runtime, several, stamp

CLAIM = "from lecturelib.claims import claim\n"
PICTURE = """
import base64, ipywidgets
from IPython.display import display
dot = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY"
       "42YAAAAASUVORK5CYII=")
slider = ipywidgets.IntSlider(description="k")
data = slider._repr_mimebundle_() | {"image/png": dot, "text/plain": "A dot."}
display(data, metadata={"image/png": {"alt": "A dot."}}, raw=True)
"""


def save(path, *sources):
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    path.write_text(nbformat.writes(new_notebook(cells=cells, metadata={"kernelspec": spec})))
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("course with a space") / "90_small.ipynb"
    save(
        path,
        CLAIM + "claim('one is one', 1, at_least=0.9)\nclaim('two (pairs)', 2, near=2, within=0.1)",
        "print('a')\nprint('b', flush=True)\nprint('c')",
        "import ipywidgets\nipywidgets.IntSlider()",
        PICTURE,
        "from IPython.display import HTML\nHTML('<b>x</b><script>1</script>')",
        "from tqdm.std import tqdm\nfor _ in tqdm(range(3)): pass",
        "import os\n(os.getcwd(), os.environ['LECTURELIB_PROFILE'], os.environ['OMP_WAIT_POLICY'])",
        "print('50%|###\\r100%|######')",
    )
    (report,) = notebooks.run([path], profile="cpu")
    return report, nbformat.read(path, as_version=4)


def test_a_good_run_is_written_with_its_stamp(written):
    report, notebook = written
    assert not report.errors
    assert report.written
    record = notebook.metadata["lecturelib"]
    assert record["profile"] == "cpu"
    assert record["checks"] == 2
    assert record["seconds"] > 0
    assert record["peak_mb"] > 50
    assert record["device"].startswith("cpu") or "cuda" in record["device"]
    assert {"__init__.py", "claims.py", "runtime.py"} <= set(record["lecturelib_files"])
    assert record["lecturelib_sha256"] == stamp.library_sha256(record["lecturelib_files"])
    assert notebooks.verify([report.notebook]) == []
    assert not list(report.notebook.parent.glob("*.tmp"))


def test_the_kernel_is_named_as_jupyterlab_would(written):
    _, notebook = written
    assert notebook.metadata.kernelspec == {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    assert notebook.metadata.language_info.version == platform.python_version()


def test_claims_are_counted_with_their_words_and_values(written):
    report, notebook = written
    assert [(c["words"], c["value"], c["holds"]) for c in report.claims] == [
        ("one is one", 1, True),
        ("two (pairs)", 2, True),
    ]
    assert len(stamp.claims(notebook)) == 2  # they stay in the file


def test_outputs_are_cleaned(written):
    _, notebook = written
    cells = notebook.cells
    assert [cell.id for cell in cells] == [f"cell-{i}" for i in range(8)]
    assert [cell.execution_count for cell in cells] == list(range(1, 9))
    assert [output.text for output in cells[1].outputs] == ["a\nb\nc\n"]
    assert cells[2].outputs == []  # a widget and its repr
    assert set(cells[3].outputs[0].data) == {"image/png", "text/plain"}
    assert cells[3].outputs[0].metadata["image/png"]["alt"] == "A dot."
    assert cells[4].outputs == []  # a script
    assert cells[5].outputs == []  # a progress bar
    assert cells[7].outputs[0].text == "100%|######\n"  # as a terminal shows it
    assert "widgets" not in notebook.metadata
    assert not any("execution" in cell.metadata for cell in cells)


def test_cells_run_in_the_folder_and_profile(written):
    report, notebook = written
    folder, profile, policy = eval(notebook.cells[6].outputs[0].data["text/plain"])
    assert folder == str(report.notebook.parent)
    assert (profile, policy) == ("cpu", "passive")


def test_smoke_runs_side_by_side_are_not_written_and_not_judged(tmp_path, capsys):
    threads = "import os\nassert os.environ['OMP_NUM_THREADS'] == '1'"
    paths = [save(tmp_path / f"9{i}_x.ipynb", threads, CLAIM + "claim('no', 0, at_least=1)") for i in range(2)]
    before = [path.read_text() for path in paths]
    reports = notebooks.run(paths, profile="smoke", jobs=2)
    assert [path.read_text() for path in paths] == before
    assert [report.notebook for report in reports] == paths
    assert not any(report.errors or report.written for report in reports)
    assert capsys.readouterr().out.count("claims: 1, not judged") == 2


def test_a_failing_claim_and_an_error_are_named_and_nothing_is_written(tmp_path, capsys):
    path = save(
        tmp_path / "90_x.ipynb",
        CLAIM + "claim('it works', 0.25, at_least=0.5)",
        CLAIM + "claim('this too', 1, at_least=0.5)",
        "1 / 0",
        "print('never')",
    )
    before = path.read_text()
    (report,) = notebooks.run([path], profile="cpu")
    assert report.errors == [
        "cell [1] raised ClaimError: it works: measured 0.25, claimed at least 0.5",
        "cell [3] raised ZeroDivisionError: division by zero",
    ]
    assert [claim["holds"] for claim in report.claims] == [False, True]
    assert path.read_text() == before
    assert "claims: 1 of 2 hold" in capsys.readouterr().out


def test_a_kernel_that_dies_is_reported(tmp_path):
    path = save(tmp_path / "90_x.ipynb", "1", "import os; os._exit(1)")
    (report,) = notebooks.run([path], profile="cpu")
    assert "kernel died in cell 2" in report.errors[0]
    assert not report.written


def test_an_edit_during_the_run_is_not_overwritten(tmp_path):
    path = save(tmp_path / "90_x.ipynb", "file = open('90_x.ipynb', 'a'); file.write('\\n\\n'); file.close()")
    (report,) = notebooks.run([path], profile="cpu")
    assert "changed while it ran" in report.errors[0]
    assert path.read_text().endswith("\n\n")


def test_a_kernel_that_is_not_installed_is_reported(tmp_path):
    path = save(tmp_path / "90_x.ipynb", "1")
    content = json.loads(path.read_text())
    content["metadata"]["kernelspec"]["name"] = "no-such-kernel"
    path.write_text(json.dumps(content))
    (report,) = notebooks.run([path], profile="cpu")
    assert "'no-such-kernel' is not installed" in report.errors[0]


def test_seeds_shift_every_seed_and_give_the_spread(tmp_path, capsys):
    draw = "import lecturelib, torch\nlecturelib.seed(3)\n" + CLAIM + "claim('draw', torch.randn(()), at_most=9)"
    path = save(tmp_path / "90_x.ipynb", draw)
    before = path.read_text()
    reports = notebooks.run([path], profile="cpu", seeds=2)
    values = [report.claims[0]["value"] for report in reports]
    assert values[0] != values[1]
    assert path.read_text() == before
    printed = io.StringIO()
    Console(file=printed, width=200).print(several.spread(reports))
    row = next(line for line in printed.getvalue().splitlines() if "draw" in line)
    for part in (f"{min(values):.6g}", f"{sum(values) / 2:.6g}", f"{max(values):.6g}", "at most 9"):
        assert part in row
    assert "Spread over seeds" in capsys.readouterr().out


def test_what_several_seeds_gave_is_kept_of_lectures_that_came_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    monkeypatch.setattr(several, "KEPT", tmp_path / "seeds")
    seeded = "import lecturelib, torch\nlecturelib.seed(0)\nx = torch.rand(()).item()\n"
    cells = seeded + CLAIM + "claim('half', x, at_most=-1)\nclaim('lost', 1, at_most=3)", "claim('half', 2, at_most=3)"
    save(tmp_path / "90_x.ipynb", *cells)
    save(tmp_path / "91_x.ipynb", "1 / 0")
    notebooks.run(["90", "91"], profile="smoke", seeds=2)
    assert not (tmp_path / "seeds").exists()
    reports = notebooks.run(["90", "91"], profile="cpu", seeds=2)
    assert [path.name for path in (tmp_path / "seeds").iterdir()] == ["90_x.json"]
    kept = record.read(tmp_path / "seeds" / "90_x.json")
    assert kept["command"] == "lecturelib notebooks run 90 --seeds 2"
    assert kept["seeds"] == [0, 1]
    first, second = kept["claims"]  # of the same words; the one in the cell of the miss was not reached
    assert first["values"] == [report.claims[0]["value"] for report in reports[:2]]
    assert (first["held"], second["held"], second["values"]) == (0, 2, [2.0, 2.0])  # a miss is kept, too


def test_names_that_do_not_exist_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    for name in ("01_one.ipynb", "02_two.ipynb"):
        save(tmp_path / name, "1")
    assert [path.name for path in notebooks.find()] == ["01_one.ipynb", "02_two.ipynb"]
    assert [path.name for path in notebooks.find(["02", "01_one", "02_two.ipynb"])] == ["02_two.ipynb", "01_one.ipynb"]
    with pytest.raises(ValueError, match=r"no notebook '03'; the course's are 01_one, 02_two"):
        notebooks.find(["03"])
    with pytest.raises(ValueError, match="no profile 'fast'"):
        notebooks.run(profile="fast")


def test_a_file_that_is_no_notebook_is_one_clear_error(tmp_path):
    path = tmp_path / "90_x.ipynb"
    path.write_text("not json")
    with pytest.raises(ValueError, match=r"90_x\.ipynb is not a notebook"):
        notebooks.run([path])


@pytest.mark.parametrize(("started", "used", "device"), [(False, 0, "cpu, "), (True, 0, "cpu, "), (True, 512, "cuda")])
def test_the_stamped_device_is_where_things_ran(monkeypatch, capsys, started, used, device):
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cuda"))  # there, though perhaps not used
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: started)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: used)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    exec(stamp.PROBE, {})
    assert json.loads(capsys.readouterr().out)["device"].startswith(device)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_ends_the_kernels_and_leaves_the_files(tmp_path):
    wait = "import os, pathlib, time\npathlib.Path(f'{os.getpid()}.kernel').touch()\ntime.sleep(60)"
    paths = [save(tmp_path / f"9{i}_x.ipynb", wait) for i in range(3)]
    before = [path.read_text() for path in paths]
    command = [sys.executable, "-m", "lecturelib.cli", "notebooks", "run", "-j", "2", "--profile", "cpu", *paths]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        limit = time.monotonic() + 90
        while len(list(tmp_path.glob("*.kernel"))) < 2:
            assert run.poll() is None, run.stdout.read()
            assert time.monotonic() < limit
            time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        printed, _ = run.communicate(timeout=40)  # before a kernel could be done
    finally:
        run.kill()
    assert (printed, run.returncode) == ("interrupted\n", 130)
    kernels = [int(file.stem) for file in tmp_path.glob("*.kernel")]
    assert len(kernels) == 2  # the third was never started
    for kernel in kernels:
        with pytest.raises(ProcessLookupError):
            os.kill(kernel, 0)
    assert [path.read_text() for path in paths] == before
