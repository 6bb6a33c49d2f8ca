"""What the papers report on real data, computed again: one row a number, over several seeds, written as JSON.

    python benchmarks/papers.py                          # which rows there are, and what is there
    python benchmarks/papers.py mnist_denoising ...      # compute rows; stopped and started again, it goes on
    python benchmarks/papers.py --table                  # write the table into benchmarks/README.md

Needs MNIST: `lecturelib data get mnist`, or LECTURELIB_DATA with a folder that has it. The rows of Omniglot need the
pen strokes as sketch-rnn/omniglot/omniglot.npz in that folder, those of Olivetti the faces as olivetti/olivetti.npz.
A row is an entry of ROWS; its results are benchmarks/results/papers/ROW.json.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from lecturelib import record
from lecturelib.data import DataError
from lecturelib.experiments import EXPERIMENTS
from lecturelib.studies import Study

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "papers"
README = HERE / "README.md"
BEGIN, END = "<!-- papers: begin -->", "<!-- papers: end -->"


@dataclass(frozen=True)
class Row:
    """A number from a paper, the experiment that is to reach it, and how the two differ."""

    experiment: str  # its name; that of the row and of its file too
    what: str
    figure: str  # of the experiment, the one that the paper reports, with its unit
    paper: str  # what the paper has, with its error
    source: str
    differences: str
    beside: str = ""  # a further figure for the table


DEEP = "Adam with a learning rate that falls as a cosine instead of conjugate gradients; bfloat16"
FEWER = "10 epochs of pretraining a layer instead of 50"
DRAWN = "the curves are drawn anew, and theirs may be softer or gentler: compare the rows with one another"
CODES = [
    ("mnist_deep_autoencoder", "deep autoencoder of MNIST, 784-1000-500-250-30, pretrained as RBMs", "3.00",
     f"{DEEP}; {FEWER}; learning rate of fine-tuning 3e-3 (3 epochs on 50,000 digits tried 1e-3, 3e-3 and 6e-3, the "
     "higher the better by the other 10,000)"),
    ("mnist_deep_scratch", "the same without pretraining", "–", "ours, for comparison: nothing but the start differs"),
    ("mnist_logistic_pca30", "logistic PCA of MNIST, 30 components", "8.01",
     "a linear encoder and logits linear in its code, fitted by Adam on the cross-entropy"),
    ("mnist_pca30", "PCA of MNIST, 30 components", "13.87", "none: exact"),
    ("curves_deep_autoencoder", "deep autoencoder of curves, 784-400-200-100-50-25-6, pretrained as RBMs", "1.44",
     f"{DRAWN}; {DEEP}"),
    ("curves_deep_scratch", "the same without pretraining", "–", "ours, for comparison"),
    ("curves_logistic_pca6", "logistic PCA of curves, 6 components", "7.64", DRAWN),
    ("curves_logistic_pca18", "logistic PCA of curves, 18 components", "2.45", DRAWN),
    ("curves_pca18", "PCA of curves, 18 components", "5.90", DRAWN),
    ("olivetti_deep_autoencoder", "deep autoencoder of patches of faces, 625-2000-1000-500-30, pretrained as RBMs",
     "126", f"places of the patches and how pixels are averaged are ours; {DEEP}; {FEWER}"),
    ("olivetti_pca30", "PCA of patches of faces, 30 components", "135",
     "places of the patches and how pixels are averaged are ours"),
]  # fmt: skip

ROWS = [
    Row(
        "mnist_contractive",
        "contractive autoencoder, its code the hidden layer of an MLP",
        "test error in %",
        "1.14",
        "Rifai et al. 2011",
        "2000 units; Adam with a falling learning rate for a fixed number of steps instead of gradient descent with "
        "early stopping; only the fine-tuning's learning rate was searched (1e-3 to 3e-2); bfloat16",
        beside="validation error in %",
    ),
    Row(
        "mnist_denoising",
        "stacked denoising autoencoder, three layers",
        "test error in %",
        "1.28 ± 0.22",
        "Vincent et al. 2010, table 3",
        "1000 units a layer, a quarter masked; Adam with a falling learning rate for a fixed number of steps instead "
        "of gradient descent with early stopping; only the fine-tuning's learning rate was searched (3e-4 to 3e-3); "
        "bfloat16",
        beside="validation error in %",
    ),
    Row(
        "mnist_scratch",
        "the same three layers without pretraining",
        "test error in %",
        "–",
        "–",
        "ours, for comparison; learning rate searched from 3e-4 to 1e-2",
        beside="validation error in %",
    ),
    Row(
        "mnist_vae",
        "variational autoencoder, 50 latents, two layers of 200 tanh units on each side",
        "test negative log-likelihood in nats",
        "86.76",
        "Burda et al. 2016, table 1",
        "400 epochs of Adam with a learning rate that falls as a cosine, instead of 3,280 epochs with steps; nothing "
        "searched",
        beside="test negative bound in nats",
    ),
    Row(
        "mnist_iwae",
        "the same, then trained on the importance-weighted bound with k = 50",
        "test negative log-likelihood in nats",
        "84.78",
        "Burda et al. 2016, table 1",
        "400 epochs on the plain bound, then 60 on that with k = 50, instead of 3,280 of the latter; bfloat16 there; "
        "nothing searched",
        beside="test negative bound in nats",
    ),
    Row(
        "omniglot_sketch_rnn",
        "Sketch-RNN on the pen strokes of written characters, 32 latents, beta = 0.25",
        "test reconstruction, nats",
        "–",
        "Ha and Eck 2018, who have QuickDraw",
        "LSTM of 192 units and a bidirectional one of 96 instead of 512 and 256; no annealing of beta; characters of "
        "more than 80 moves left out; 3,000 steps of 64",
        beside="test KL, nats",
    ),
    Row(
        "omniglot_collapsed",
        "the same with beta = 1: the decoder does not listen to the latents",
        "test importance-weighted, nats",
        "–",
        "Ha and Eck 2018, who have QuickDraw",
        "ours, for comparison",
        beside="test KL, nats",
    ),
    Row(
        "omniglot_unconditional",
        "its decoder alone, without latents",
        "test importance-weighted, nats",
        "–",
        "Ha and Eck 2018, who have QuickDraw",
        "ours, for comparison: the exact negative log-likelihood",
    ),
    *(
        Row(
            name,
            what,
            "test squared error per image",
            paper,
            "Hinton and Salakhutdinov 2006" if paper != "–" else "–",
            differences,
            beside="training squared error per image",
        )
        for name, what, paper, differences in CODES
    ),
]


def study(row: Row, seeds: int) -> Study:
    """The row's experiment over seeds 0, 1, ..."""
    command = f"python benchmarks/papers.py {row.experiment} --seeds {seeds}"
    return Study(row.experiment, row.what, {row.experiment: EXPERIMENTS[row.experiment]}, tuple(range(seeds)), command)


def compute(rows: list[Row], seeds: int) -> None:
    """Compute rows and write their results; DataError where the data of one are missing."""
    for row in rows:
        next(EXPERIMENTS[row.experiment].stages(), None)  # an error now rather than after an hour
    for row in rows:
        path = RESULTS / f"{row.experiment}.json"
        print(f"wrote {study(row, seeds).run(path, progress=Path('runs') / 'papers' / row.experiment)}", flush=True)


def table() -> str:
    """All rows as a table in Markdown; those without results say so."""
    head = "| what | figure | in the paper | here | beside it | seeds | minutes a seed | source | what differs |"
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    machines = set()
    for row in ROWS:
        path = RESULTS / f"{row.experiment}.json"
        reached = ["not computed", "–", "–", "–"]
        if path.exists():
            kept = record.read(path)
            arm = kept["arms"][row.experiment]
            machines.add(kept["machine"])
            spread = [f"{arm['spread'][name]['mean']:.2f} ± {arm['spread'][name]['std']:.2f}" for name in
                      (row.figure, row.beside) if name]  # fmt: skip
            minutes = sum(arm["cpu_seconds"]) / len(arm["cpu_seconds"]) / 60
            beside = f"{spread[1]} ({row.beside})" if row.beside else "–"
            reached = [spread[0], beside, str(len(kept["seeds"])), f"{minutes:.0f}"]
        lines.append("| " + " | ".join([row.what, row.figure, row.paper, *reached, row.source, row.differences]) + " |")
    text = "\n".join(lines)
    if machines:
        text += (
            "\n\nHere: mean ± standard deviation over the seeds; settings were chosen by the validation error. "
            f"Minutes of processor time on {' and on '.join(sorted(machines))}."
        )
    return text


def write_table() -> None:
    """Put the table between its marks in README.md."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


def main() -> int:
    """Compute, write the table, or list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    rows = {row.experiment: row for row in ROWS}
    try:
        if options.seeds < 1:
            raise ValueError(f"--seeds is {options.seeds}; at least 1 is needed")
        wanted = [record.named(name, rows, "row") for name in options.rows]
        if wanted:
            compute(wanted, options.seeds)
    except (DataError, ValueError) as error:
        print(f"papers: {error}", file=sys.stderr)
        return 1
    if options.table or options.rows:
        write_table()
    else:
        print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
