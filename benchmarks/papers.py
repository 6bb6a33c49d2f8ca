"""What the papers report on real data, computed again: one row a number, over several seeds, written as JSON.

    python benchmarks/papers.py                          # which rows there are, and what is there
    python benchmarks/papers.py mnist_denoising ...      # compute rows; stopped and started again, it goes on
    python benchmarks/papers.py --table                  # write the table into benchmarks/README.md

Needs MNIST: `lecturelib data get mnist`, or LECTURELIB_DATA with a folder that has it. The rows of Omniglot need the
pen strokes as sketch-rnn/omniglot/omniglot.npz in that folder, those of Olivetti the faces as olivetti/olivetti.npz.
A row is an entry of ROWS, called by its experiment; its results are benchmarks/results/papers/ROW.json.
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

    experiment: str  # its name; that of the file too. Rows may share one
    what: str
    figure: str  # of the experiment, the one that the paper reports, with its unit
    paper: str  # what the paper has, with its error
    source: str
    differences: str
    beside: str = ""  # a further figure for the table


DEEP = "Adam with a learning rate that falls as a cosine instead of conjugate gradients; bfloat16"
FEWER = "10 epochs of pretraining a layer instead of 50"
DRAWN = (
    "the curves are drawn anew, the width of their line and their margin chosen so that PCA with 18 components and "
    "logistic PCA with 6 come near the paper's figures"
)
DEPTH = [
    ("mnist_depth_scratch", "sigmoid nets of 3 layers of 400 units by gradient descent, from scratch",
     "learning rate searched from 0.1 to 10"),
    ("mnist_depth_rbm", "the same nets from RBMs", "learning rate searched from 0.1 to 3; 10 epochs of CD-1 a layer"),
    ("mnist_depth_denoising", "the same nets from denoising autoencoders",
     "learning rate searched from 0.3 to 3; 10 epochs of Adam a layer, a quarter masked"),
    ("mnist_depth_rectified", "ReLU nets of the same sizes from scratch, by Adam", "not in the paper"),
]  # fmt: skip
CODES = [
    ("mnist_deep_autoencoder", "deep autoencoder of MNIST, 784-1000-500-250-30, pretrained as RBMs", "3.00",
     f"{DEEP}; {FEWER}; learning rate of fine-tuning 3e-3 (3 epochs on 50,000 digits tried 1e-3, 3e-3 and 6e-3, the "
     "higher the better by the other 10,000)"),
    ("mnist_deep_scratch", "the same without pretraining", "–", "ours, for comparison: nothing but the start differs"),
    ("mnist_deep_rectified", "a network of the same sizes as it would be made today: ReLU, He et al.'s weights", "–",
     "ours, for comparison: Adam, no pretraining; rate 1e-3"),
    ("mnist_deep_conjugate", "pretrained as RBMs, fine-tuned as in the paper: conjugate gradients", "3.00",
     f"3 line searches on each batch of 1,000, as there, but 8 epochs instead of 200; {FEWER}"),
    ("mnist_deep_scratch_conjugate", "the same without pretraining", "–", "ours, for comparison; 8 epochs"),
    ("mnist_logistic_pca30", "logistic PCA of MNIST, 30 components", "8.01",
     "a linear encoder and logits linear in its code, fitted by Adam on the cross-entropy"),
    ("mnist_pca30", "PCA of MNIST, 30 components", "13.87", "none: exact"),
    ("curves_deep_autoencoder", "deep autoencoder of curves, 784-400-200-100-50-25-6, pretrained as RBMs", "1.44",
     f"{DRAWN}; {DEEP}; 300 epochs of fine-tuning (60 had 2.74 on other curves; 1,000 had 2.24, and 0.26 on those that "
     "they had seen)"),
    ("curves_deep_scratch", "the same without pretraining", "–", "ours, for comparison"),
    ("curves_logistic_pca6", "logistic PCA of curves, 6 components", "7.64", DRAWN),
    ("curves_logistic_pca18", "logistic PCA of curves, 18 components", "2.45", DRAWN),
    ("curves_pca18", "PCA of curves, 18 components", "5.90", DRAWN),
    ("olivetti_deep_autoencoder", "deep autoencoder of patches of faces, 625-2000-1000-500-30, pretrained as RBMs",
     "126", f"places of the patches and how pixels are averaged are ours; {DEEP}; {FEWER}; 40 epochs of fine-tuning "
     "with a rate of 1e-3, nothing searched"),
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
        "mnist_likelihood",
        "variational autoencoder, 50 latents, two layers of 200 tanh units on each side",
        "VAE: test negative log-likelihood in nats",
        "86.76",
        "Burda et al. 2016, table 1",
        "400 epochs of batches of 100 and Adam with a learning rate that falls as a cosine, instead of 3,280 epochs of "
        "batches of 20 with steps; learning rate and initialisation chosen on the last 10,000 "
        "training digits in runs of 20,000 steps; an earlier run from PyTorch's own initialisation, with half the "
        "rate, had 88.40 on the test digits",
        beside="VAE: test negative bound in nats",
    ),
    Row(
        "mnist_likelihood",
        "the same, then trained on the importance-weighted bound with k = 50",
        "IWAE: test negative log-likelihood in nats",
        "84.78",
        "Burda et al. 2016, table 1",
        "217 epochs of that bound after the 400 on the plain one, instead of 3,280 of it (167 epochs had 85.56, 50 "
        "with half the rate had 85.92); of the 50 draws 10 are differentiated, resampled by their weights; bfloat16; "
        "minutes of both",
        beside="IWAE: test negative bound in nats",
    ),
    Row(
        "mnist_parzen",
        "fully connected GAN, test digits under Gaussian windows around 10,000 of its samples",
        "GAN: test log-likelihood by windows in nats",
        "225 ± 2",
        "Goodfellow et al. 2014, table 1",
        "50,000 digits; the usual loss of the generator, LeakyReLU instead of maxout, batch norm in the generator, and "
        "R1 with gamma = 0.5 (without these two it collapsed: -1333). The figure says little: beside it stand averages "
        "of training digits by k-means",
        beside="k-means: test log-likelihood by windows in nats",
    ),
    Row(
        "mnist_parzen",
        "the same windows around 10,000 training digits",
        "training digits: test log-likelihood by windows in nats",
        "–",
        "–",
        "ours, for comparison",
    ),
    Row(
        "mnist_dbn",
        "deep belief network of digits and labels, fine-tuned as a generative model (up-down)",
        "test error in %",
        "1.25",
        "Hinton, Osindero and Teh 2006, table 1",
        "50,000 digits instead of 60,000; 300 epochs of up-down with 3, 6 and 10 steps of Gibbs sampling as there, the "
        "rate constant and in the last third falling; of the rates 0.01, 0.05 and 0.15 that of least validation error "
        "after 10 epochs. It learns the training digits (error 0.47 %) and no more: 90 epochs with 3 steps had 1.68 on "
        "the test digits (validation 1.72 instead of 1.67), 60 of Adam with a rate of 3e-4 2.23; bfloat16",
        beside="test error in %, before fine-tuning",
    ),
    Row(
        "mnist_dbn_backpropagation",
        "RBMs of 500, 500 and 2000 units, fine-tuned by backpropagation",
        "test error in %",
        "1.2",
        "Hinton and Salakhutdinov 2006",
        "50,000 digits instead of 60,000; 30 epochs a layer, then 32 of Adam with a falling learning rate; bfloat16; "
        "of the rates 3e-4 to 6e-3 that of least validation error",
        beside="validation error in %",
    ),
    *(
        Row(
            name,
            what,
            "depth 3: test error in %",
            "–",
            "Erhan et al. 2010, figure 1",
            f"{differences}; ten nets at each depth instead of 400, 15 epochs of batches of 50 with a learning rate "
            "that falls as a cosine; all nets and depths are in the picture below",
            beside="depth 3: standard deviation over nets",
        )
        for name, what, differences in DEPTH
    ),
    Row(
        "mnist_rbm",
        "RBM with 500 hidden units, contrastive divergence with k growing from 1 to 25",
        "test log-probability in nats",
        "-86.34",
        "Salakhutdinov and Murray 2008, table 1",
        "72,000 steps of 100, half of them with k = 25; bfloat16; AIS from independent pixels without hidden units of "
        "their own",
        beside="effective sample size of AIS",
    ),
    Row(
        "mnist_rbm_persistent",
        "the same RBM with 100 persistent chains and k = 1",
        "test log-probability in nats",
        "–",
        "Tieleman 2008",
        "ours, for comparison: 120,000 steps of 100 with a learning rate that falls from 0.01",
        beside="effective sample size of AIS",
    ),
    Row(
        "omniglot_sketch_rnn",
        "Sketch-RNN on the pen strokes of written characters, 32 latents",
        "test reconstruction, nats",
        "–",
        "Ha and Eck 2018, who have QuickDraw",
        "LSTM of 192 units and a bidirectional one of 96 instead of 512 and 256; beta = 0.05, then 0.25; "
        "characters of more than 80 moves left out; 6,000 steps of 64",
        beside="test KL, nats",
    ),
    Row(
        "omniglot_sketch_rnn",
        "the same, reconstruction plus KL, to be held against the decoder alone",
        "test negative bound, nats",
        "–",
        "Ha and Eck 2018, who have QuickDraw",
        "trained with beta = 0.25, at which a nat of the code costs a quarter of a nat of the drawing",
        beside="test importance-weighted, nats",
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
    for row in rows[1:]:
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
            spread = [_shown(arm["spread"][name], len(kept["seeds"])) for name in (row.figure, row.beside) if name]
            minutes = sum(arm["cpu_seconds"]) / len(arm["cpu_seconds"]) / 60
            beside = f"{spread[1]} ({row.beside})" if row.beside else "–"
            reached = [spread[0], beside, str(len(kept["seeds"])), f"{minutes:.0f}"]
        lines.append("| " + " | ".join([row.what, row.figure, row.paper, *reached, row.source, row.differences]) + " |")
    text = "\n".join(lines)
    if machines:
        text += (
            "\n\nHere: mean, and standard deviation where there are several seeds; what was searched was "
            "judged on validation data. "
            f"Minutes of processor time on {' and on '.join(sorted(machines))}."
        )
    return text


def _shown(spread: dict, seeds: int) -> str:
    return f"{spread['mean']:.2f}" + (f" ± {spread['std']:.2f}" if seeds > 1 else "")


def write_table() -> None:
    """Put the table between its marks in README.md."""
    README.write_text(between(README.read_text(encoding="utf-8"), BEGIN, END, table()), encoding="utf-8")


def between(text: str, begin: str, end: str, new: str) -> str:
    """The text with what stands between two marks replaced."""
    before, rest = text.split(begin)
    return f"{before}{begin}\n{new}\n{end}{rest.split(end)[1]}"


def main() -> int:
    """Compute, write the table, or list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    rows = {row.experiment: row for row in reversed(ROWS)}  # of two with one experiment, the first
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
