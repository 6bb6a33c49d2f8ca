"""Honest submissions of lab 02, each right and each written in another way: what grading must give full marks."""

import functools
import json
import random
import re
from collections.abc import Callable, Iterator

import nbformat
from nbformat import NotebookNode
from submission import POINTS, add, cell
from submission import honest as solved
from variants import renamed, variants

from lecturelib.grading.calling import Caller
from lecturelib.grading.exercises import Exercise, generator, run

Edit = Callable[[NotebookNode, random.Random], None]

# cells of a student's own: each comes behind the cell with the given id
CELLS = [
    ("imports", "import numpy as np\nimport matplotlib.pyplot as plt\nfrom collections import Counter"),
    ("imports", "%matplotlib inline\n%config InlineBackend.figure_format = 'retina'"),
    ("imports", "%load_ext autoreload\n%autoreload 2"),
    ("imports", "import warnings\nwarnings.filterwarnings('ignore')\ntorch.set_printoptions(precision=3)"),
    ("imports", "import sys\nprint(sys.version)\n!echo hallo"),
    ("imports", "from google.colab import drive  # nur auf Colab\ndrive.mount('/content/drive')"),
    ("imports", "import random\nimport numpy\nrandom.seed(42)\nnumpy.random.seed(42)\ntorch.manual_seed(42)"),
    ("imports", "torch.set_default_dtype(torch.float32)\ntorch.set_grad_enabled(True)\ntorch.set_num_threads(1)"),
    ("data", "x.shape, x.min(), x.max()"),
    ("data", "import matplotlib.pyplot as plt\nplt.imshow(x[0].view(8, 8), cmap='gray')\nplt.show()"),
    ("data", "for i in range(3):\n    print(x[i].view(8, 8).round(decimals=1))"),
    ("data", "torch.rand?"),
    ("data", "help(torch.linalg.svd)"),
    ("write-pca", "mean, components = pca(x, 5)\ncomponents @ components.T"),
    ("write-pca", "%timeit -n1 -r1 pca(x, 3)"),
    ("write-pca", "%%time\n_, C = pca(x, 10)\nprint(C.norm(dim=1))"),
    ("write-pca", "U, S, V = torch.linalg.svd(x)\nplt.plot(S)  # plt is not imported"),
    ("write-pca", "pca(x)  # forgot k"),
    ("write-codes", "mean, C = pca(x, 8)\nassert torch.allclose(encode(decode(encode(x, mean, C), mean, C), mean, C),\n"
                    "                      encode(x, mean, C), atol=1e-4)"),
    ("write-codes", "%%capture output\nprint('not seen')\nencode(x, *pca(x, 2))"),
    ("write-linear", "W0, V0 = torch.randn(3, 64, requires_grad=True), torch.randn(64, 3, requires_grad=True)\n"
                     "((x @ W0.T @ V0.T - x) ** 2).sum().div(len(x)).backward()\n"
                     "print((linear_gradients(x, W0.detach(), V0.detach())[0] - W0.grad).abs().max())"),
    ("write-linear", "from tqdm.auto import tqdm\nfor _ in tqdm(range(20)):\n    pass"),
    ("write-angles", "print(principal_angles(torch.eye(3)[:2], torch.eye(3)[1:]))"),
    ("trained", "from IPython.display import Markdown, display\ndisplay(Markdown('**fertig**'), plain.W.shape)"),
    ("trained", "import asyncio\nawait asyncio.sleep(0.01)"),
    ("trained", "class Better(Tied):\n    def forward(self, x):\n        return super().forward(x).clamp(0, 1)\n\n\n"
                "Better(squared_error)"),
    ("write-sparse", "h = plain.code(x)\nprint(f'{sparsity(h, 0.05):.3f}')\nsparsity(torch.zeros(3, 2), 0.1)"),
    ("write-corrupt", "import time\nstart = time.time()\ntorch.manual_seed(0)\n"
                      "print(corrupt(x, 0.5).mean(), time.time() - start)"),
    ("write-corrupt", "import sys\nimport warnings\nwarnings.warn('looks bad')\nprint('note', file=sys.stderr)"),
    ("write-denoising", "# ein Versuch, der nicht ging\n# denoising_loss(x, x)\nraise ValueError('später')"),
    ("write-contractive", "s = 0\nfor i in range(3_000_000):\n    s += i % 7\nprint(s)"),
    ("write-contractive", "import logging\nlogging.basicConfig(level=logging.INFO)\n"
                          "logging.warning('contractive: %s', plain.W.norm())"),
    ("failures-picture", "failed['A'].W.std(), failed['C'](x_test).min(), losses['B'][-1]"),
    ("failures-picture", "import pandas as pd\npd.DataFrame({'loss': losses['A']}).describe()"),
    ("failures-picture", "from matplotlib import pyplot as plt\nfig, ax = plt.subplots()\nax.plot(losses['A'])\nfig"),
    ("write-repair", "import os\nwith open('notes.txt', 'w') as f:\n    f.write('seen')\nos.listdir()"),
    ("write-repair", "torch.save(plain.state_dict(), 'plain.pt')\nplain.load_state_dict(torch.load('plain.pt'))"),
    ("write-repair", "%who"),
    ("repair-picture", "from dataclasses import dataclass\n\n@dataclass\nclass Note:\n    words: str\n\nNote('done')"),
    ("repair-picture", "%%bash\necho fertig\nls"),
    ("repair-picture", ""),
    ("repair-picture", "# TODO: look at this again"),
    ("repair-picture", "1/0"),
]  # fmt: skip

TEXTS = [
    "Ein kleiner Fehler heißt nicht, dass der Code gut ist: die Identität hat gar keinen.",
    "Une petite erreur ne montre rien : copier suffit. Je mesurerais le déplacement du code ($0.31$ contre $0.62$).",
    "小さな誤差は良い符号を意味しません。🙂",
    "A < B && C > D; `x` ~ *y*; <b>bold</b> \\(z = Wx\\) |a|b|\n|---|---|\n|1|2|",
    "",
]


def _formulas(notebook: NotebookNode, rng: random.Random) -> None:
    """Other formulas in some or all exercises."""
    for name in rng.sample(sorted(POINTS), rng.randint(1, len(POINTS))):
        cell(notebook, f"write-{name}").source = rng.choice(variants(name)[1:])


def _names(notebook: NotebookNode, rng: random.Random) -> None:
    for name in POINTS:
        one = cell(notebook, f"write-{name}")
        one.source = renamed(one.source, rng)


def _cells(notebook: NotebookNode, rng: random.Random) -> None:
    for after, source in rng.sample(CELLS, rng.randint(1, 6)):
        add(notebook, source, after)


def _helpers(notebook: NotebookNode, rng: random.Random) -> None:
    """A helper in a cell of the student's own, which an answer uses."""
    add(notebook, "def centre(x):\n    \"\"\"x minus its mean.\"\"\"\n    return x - x.mean(0), x.mean(0)",
        rng.choice(["imports", "data"]))  # fmt: skip
    cell(notebook, "write-pca").source = (
        "def pca(x: Tensor, k: int) -> tuple[Tensor, Tensor]:\n"
        "    x, mean = centre(x)\n    return mean, torch.linalg.svd(x, full_matrices=False).Vh[:k]"
    )


def _helpers_in_a_picture(notebook: NotebookNode, rng: random.Random) -> None:
    """A helper in one of the lab's own cells that only draw, which an answer uses."""
    picture = cell(notebook, "sparse-picture")
    picture.source = "def energy(t):\n    return t.square().sum(1).mean()\n\n\n" + picture.source
    cell(notebook, "write-denoising").source = (
        "def denoising_loss(clean: Tensor, noisy: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:\n"
        "    return energy(output(hidden(noisy, W, b), W, c) - clean)"
    )


def _decorated(notebook: NotebookNode, rng: random.Random) -> None:
    add(notebook, "import functools\nimport time\n\n\ndef timed(f):\n    @functools.wraps(f)\n    def g(*a, **k):\n"
        "        start = time.time()\n        try:\n            return f(*a, **k)\n        finally:\n"
        "            print(f.__name__, time.time() - start)\n\n    return g", "imports")  # fmt: skip
    for name in rng.sample(["sparse", "corrupt", "denoising", "repair", "contractive"], 2):
        one = cell(notebook, f"write-{name}")
        at = one.source.index("def " + FIRST[name])
        one.source = one.source[:at] + "@timed\n" + one.source[at:]


FIRST = {"sparse": "sparsity", "corrupt": "corrupt", "denoising": "denoising_loss", "repair": "repaired_loss",
         "contractive": "contractive"}  # fmt: skip


def _prints(notebook: NotebookNode, rng: random.Random) -> None:
    """A print or a warning first in some functions."""
    for name in rng.sample(sorted(POINTS), 3):
        one, said = cell(notebook, f"write-{name}"), rng.choice([
            "print('here')", "import warnings; warnings.warn('hm')", "import sys; print('!', file=sys.stderr)",
            "torch.is_grad_enabled()", "assert True, 'schön'", "global counter; counter = 1"])  # fmt: skip
        lines = one.source.split("\n")
        for i, line in reversed(list(enumerate(lines))):
            if line.startswith("def ") and line.endswith(":"):
                documented = lines[i + 1].strip()[:3] in ('"""', "'''")  # in one line, here
                lines.insert(i + 1 + documented, f"    {said}")
        one.source = "\n".join(lines)


def _comments(notebook: NotebookNode, rng: random.Random) -> None:
    for name in POINTS:
        one = cell(notebook, f"write-{name}")
        words = rng.choice(["# Lösung von Anna", "# 解答", "# YOUR CODE HERE", "# ∂L/∂W = 2/n Vᵀ E X", "#%% "])
        one.source = rng.choice([f"{words}\n{one.source}", f"{one.source}\n{words}", f"\n\n{one.source}\n\n{words}\n"])


def _tabs(notebook: NotebookNode, rng: random.Random) -> None:
    for name in POINTS:
        one = cell(notebook, f"write-{name}")
        one.source = re.sub("^(?: {4})+(?! )", lambda m: "\t" * (len(m[0]) // 4), one.source, flags=re.MULTILINE)


def _windows(notebook: NotebookNode, rng: random.Random) -> None:
    for one in notebook.cells:
        one.source = one.source.replace("\n", "\r\n")


def _open(notebook: NotebookNode, rng: random.Random) -> None:
    cell(notebook, "open").source = rng.choice(TEXTS)
    add(notebook, rng.choice(TEXTS), rng.choice(["data", "write-pca", "repair-picture"]), "markdown")
    add(notebook, "raw text", "trained", "raw")


def _ran(notebook: NotebookNode, rng: random.Random) -> None:
    """As after an afternoon of work: outputs, errors of earlier tries, counts in any order."""
    error = nbformat.v4.new_output("error", ename="NameError", evalue="name 'Tensor' is not defined",
                                   traceback=["\x1b[31mNameError\x1b[39m: name 'Tensor' is not defined"])  # fmt: skip
    picture = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo=" * 500, "text/plain": "<Figure>"})
    text = nbformat.v4.new_output("stream", name="stderr", text="UserWarning: something\n" * 20)
    for one in notebook.cells:
        if one.cell_type == "code":
            one.execution_count = rng.randint(1, 900)
            one.outputs = rng.sample([error, picture, text], rng.randint(0, 2))


def _metadata(notebook: NotebookNode, rng: random.Random) -> None:
    """What other programs leave in a notebook."""
    notebook.metadata.update(rng.choice([
        {"kernelspec": {"name": "conda-env-dgm-py", "display_name": "Python [conda env:dgm]", "language": "python"},
         "language_info": {"name": "python", "version": "3.9.7", "file_extension": ".py", "mimetype": "text/x-python"}},
        {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU", "gpuClass": "standard",
         "kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}},
        {"vscode": {"interpreter": {"hash": "31f2aee4e71d21fb"}}, "orig_nbformat": 4},
        {"widgets": {"application/vnd.jupyter.widget-state+json": {"version_major": 2, "state": {}}}},
        {"toc": {"base_numbering": 1}, "varInspector": {"cols": {}}, "celltoolbar": "Create Assignment"},
    ]))  # fmt: skip
    for number, one in enumerate(notebook.cells):
        one.metadata.update(rng.choice([
            {}, {"tags": []}, {"scrolled": True, "collapsed": False}, {"trusted": True}, {"slideshow": {}},
            {"id": f"aB{number}", "outputId": "x-y", "colab": {"base_uri": "https://localhost:8080/"}},
            {"execution": {"iopub.execute_input": "2027-01-30T22:11:09.123Z"}}, {"vscode": {"languageId": "python"}},
        ]))  # fmt: skip


def _without_ids(notebook: NotebookNode, rng: random.Random) -> None:
    notebook.nbformat_minor = rng.choice([0, 2, 4])
    for one in notebook.cells:
        del one["id"]


def _new_ids(notebook: NotebookNode, rng: random.Random) -> None:
    for one in notebook.cells:
        one.id = "".join(rng.choices("0123456789abcdef", k=8))


def _deleted(notebook: NotebookNode, rng: random.Random) -> None:
    """Texts that were read and pictures that were seen are gone."""
    gone = rng.sample(["title", "pca-text", "pca-look", "pca-picture", "linear-picture", "references", "causes"], 3)
    notebook.cells = [one for one in notebook.cells if one.id not in gone]


def _tried_before(notebook: NotebookNode, rng: random.Random) -> None:
    """A first, wrong try in a cell above the one that counts."""
    add(notebook, "def sparsity(h, rho):\n    return (h.mean(0) - rho).abs().sum()  # first idea", "sparse-text")


# the order in which edits apply: first what names cells by their ids, last what takes the ids away
EDITS: dict[str, tuple[Edit, float]] = {
    "formulas": (_formulas, 0.6), "helpers": (_helpers, 0.15),
    "helpers in a picture's cell": (_helpers_in_a_picture, 0.1), "names": (_names, 0.3),
    "decorators": (_decorated, 0.1), "prints": (_prints, 0.2), "comments": (_comments, 0.2),
    "cells": (_cells, 0.6), "open question": (_open, 0.4), "tried before": (_tried_before, 0.1),
    "deleted cells": (_deleted, 0.1), "tabs": (_tabs, 0.1), "CRLF": (_windows, 0.1), "outputs": (_ran, 0.5),
    "metadata": (_metadata, 0.3), "no ids": (_without_ids, 0.1), "new ids": (_new_ids, 0.1),
}  # fmt: skip
FAMILY = [
    "Anna", "Björn", "Chloé", "Dmitri", "Élodie", "Fatima", "Giò", "Hà", "Ingrid",
    "Jürgen", "Kenji", "Łukasz", "María", "Núria", "Oğuz", "Piotr", "Quỳnh", "Ráhel",
    "Søren", "Tūī", "Uğur", "Võ", "Wei", "Xóchitl", "Yıldız", "Żaneta",
]  # fmt: skip


def edited(n: int, seed: int, pictures: float = 1.0) -> Iterator[tuple[str, NotebookNode, list[str]]]:
    """As honest_submissions, with the names of the edits; `pictures` is the share that keeps the cells that draw."""
    for number in range(n):
        rng = random.Random(f"{seed}/{number}")
        notebook = solved(pictures=rng.random() < pictures)
        done = [name for name, (_, share) in EDITS.items() if rng.random() < share]
        if "no ids" in done and "new ids" in done:
            done.remove("new ids")
        for name in done:
            EDITS[name][0](notebook, rng)
        yield f"{rng.choice(FAMILY).lower()}-{number:03}", notebook, done


def honest_submissions(n: int, seed: int) -> Iterator[tuple[str, NotebookNode]]:
    """`n` names and right notebooks, the same for the same seed."""
    for name, notebook, _ in edited(n, seed):
        yield name, notebook


def as_file(notebook: NotebookNode, number: int) -> bytes:
    """The notebook's bytes as one of several programs would write them."""
    values = json.loads(json.dumps(notebook))
    if number % 3:  # most programs write a source as a list of lines
        for one in values["cells"]:
            one["source"] = one["source"].splitlines(keepends=True)
    style = {"indent": (1, 2, None, 4)[number % 4], "ensure_ascii": number % 5 == 0, "sort_keys": number % 2 == 0}
    text = json.dumps(values, **style)
    return (text.replace("\n", "\r\n") if number % 7 == 0 else text + "\n").encode()


@functools.cache
def _shell():
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    return InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))


def failures(notebook: NotebookNode, checks: list[Exercise], seeds: int = 1) -> list[str]:
    """Run a trusted notebook's cells in this process, without its check cells, and name the checks that fail."""
    shell = _shell()
    shell.reset(new_session=False)
    for one in notebook.cells:
        if one.cell_type == "code" and not one.source.startswith("check("):
            shell.run_cell(one.source, store_history=False)
    found = []
    for seed in range(seeds):
        for check in checks:
            result = run(check, Caller(shell.user_ns, seed), generator(check.name, check.hidden, seed))
            if result.status != "passed":
                found.append(f"{check.name}: {result.status}, {result.hint}")
    return found
