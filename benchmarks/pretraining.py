r"""What pretraining is worth for a deep autoencoder, then and today: a table, from what `papers.py` computed.

    python benchmarks/papers.py --seeds 1 mnist_pca30 mnist_deep_autoencoder mnist_deep_scratch \
        mnist_deep_conjugate mnist_deep_scratch_conjugate mnist_deep_rectified
    python benchmarks/pretraining.py        # writes the table in README.md

After Hinton and Salakhutdinov (2006), Science 313, 504.
"""

from pathlib import Path

from papers import README, RESULTS, between

from lecturelib import record

ROWS = {
    "mnist_deep_scratch_conjugate": ("sigmoid", "random weights", "conjugate gradients"),
    "mnist_deep_conjugate": ("sigmoid", "stack of RBMs", "conjugate gradients"),
    "mnist_deep_scratch": ("sigmoid", "random weights", "Adam"),
    "mnist_deep_autoencoder": ("sigmoid", "stack of RBMs", "Adam"),
    "mnist_deep_rectified": ("ReLU", "weights of He et al. 2015", "Adam"),
    "mnist_pca30": ("linear", "–", "exact (PCA)"),
}
MARKS = "<!-- pretraining: begin -->", "<!-- pretraining: end -->"


def table(folder: Path = RESULTS) -> str:
    """Squared error a picture, mean over the seeds, of each row that is computed, in Markdown."""
    lines = ["| units | start | then | epochs | test | training | minutes |", "|---" * 7 + "|"]
    for name, words in ROWS.items():
        path = folder / f"{name}.json"
        if not path.exists():
            continue
        arm = record.read(path)["arms"][name]
        errors = [f"{arm['spread'][f'{part} squared error per image']['mean']:.2f}" for part in ("test", "training")]
        minutes = sum(arm["cpu_seconds"]) / len(arm["cpu_seconds"]) / 60
        cells = [*words, str(arm["settings"].get("epochs", "–")), *errors, f"{minutes:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Write the table."""
    README.write_text(between(README.read_text(encoding="utf-8"), *MARKS, table()), encoding="utf-8")


if __name__ == "__main__":
    main()
