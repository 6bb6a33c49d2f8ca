"""How well does `similar_pairs` tell copies from chance? Measured on classes that are made up (students.py).

    python benchmarks/similarity.py [--students 100] [--classes 10] [--books N]

In every class, students take 3, 5, 8 or 11 of the 12 cells of lab 02 from another, in each of four disguises, and
answer the rest alone. Of each kind of copy, the share that is found; and how many honest pairs a class are reported.
With --books, honest students learn their habits from so many books.
"""

import argparse
import time
from collections import defaultdict
from itertools import product
from statistics import mean

from students import DISGUISES, SOLUTIONS, STUBS, made_up

from lecturelib.grading.similarity import similar_pairs

COPIED = (3, 5, 8, 11)


def main() -> None:
    """Make the classes, look for pairs, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=100)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--books", type=int)
    parser.add_argument("--at-least", type=float, default=0.4)
    parser.add_argument("--verbatim", type=int, default=9)
    options = parser.parse_args()
    given = {grade_id: [STUBS[grade_id], SOLUTIONS[grade_id]] for grade_id in STUBS}
    kinds = list(product(COPIED, range(len(DISGUISES))))
    copies = min(len(kinds), options.students // 6)
    found, wrong, seconds = defaultdict(list), [], []
    for seed in range(options.classes):
        copiers = [kinds[(seed * copies + i) % len(kinds)] for i in range(copies)]
        records, pairs = made_up(options.students, seed, copiers, options.books)
        start = time.perf_counter()
        reported = similar_pairs(records, given, at_least=options.at_least, verbatim=options.verbatim, most=10**6)
        seconds.append(time.perf_counter() - start)
        names = {(pair.a, pair.b) for pair in reported}
        wrong.append(len(names - pairs.keys()))
        for pair, kind in pairs.items():
            found[kind].append(pair in names)
    right = sum(map(sum, found.values()))
    print(f"{options.classes} classes of {options.students}, {copies} copies in each; {mean(seconds):.2f} s a class")
    print(f"honest pairs reported: {mean(wrong):.2f} a class; precision {right / max(1, right + sum(wrong)):.3f}")
    print("found, by cells copied    " + "".join(f"{cells:>7d}" for cells in COPIED))
    for level, words in enumerate(DISGUISES):
        shares = [found[cells, level] for cells in COPIED]
        print(f"{words:26s}" + "".join(f"{mean(s):7.2f}" if s else "      -" for s in shares))


if __name__ == "__main__":
    main()
