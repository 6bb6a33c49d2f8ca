"""How fast is grading? Against `nbgrader autograde` on the same submissions, in the same run.

    python benchmarks/grading.py [--submissions 20] [--repeats 3] [-j 2]

The submissions are honest ones of lab 02 (tests/hostile/honest.py). Both sides try all checks, visible and hidden:
nbgrader in the notebook's own kernel, as its test cells `check("pca")`, one submission after the other, without any
sandbox; `lecturelib grade` outside, with the sandbox on. Both train in the smoke profile, with one thread. Starting up
counts on both sides: the whole command is timed. Memory is the proportional share (PSS) of the command's processes,
sampled every half second, the sandbox's apart from the grader's own.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import nbformat
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "hostile"))
from honest import honest_submissions  # noqa: E402

ENV = os.environ | {
    "LECTURELIB_PROFILE": "smoke", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0",
    "OPENBLAS_NUM_THREADS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}  # fmt: skip
PLAIN_CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "peer"
c.ExecutePreprocessor.timeout = 300
c.Execute.timeout = 300
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
"""


def our_course(folder: Path) -> Path:
    """The course with lab 02 released, and nothing graded yet."""
    for name in ("solutions", "labs"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("nbgrader_config.py", "course.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def peers_course(folder: Path) -> Path:
    """The same lab for nbgrader alone: checks.py, hidden checks and all, lies beside each notebook."""
    shutil.copytree(ROOT / "solutions" / "lab02", folder / "source" / "lab02")
    (folder / "nbgrader_config.py").write_text(PLAIN_CONFIG)
    timed([sys.executable, "-m", "nbgrader", "generate_assignment", "lab02"], folder)
    return folder


def submit(folder: Path, number: int, seed: int) -> None:
    """Write honest submissions in nbgrader's layout."""
    for student, notebook in honest_submissions(number, seed):
        path = folder / student / "lab02" / "lab02.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)


def timed(command: list[str], folder: Path) -> tuple[float, dict[str, float]]:
    """Seconds of a command, and the most megabytes that its processes held; raises when it fails."""
    start, peak = time.perf_counter(), {"own": 0.0, "sandbox": 0.0}
    process = subprocess.Popen(
        command, cwd=folder, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    sampler = threading.Thread(target=_sample, args=(process.pid, peak), daemon=True)
    sampler.start()
    said, _ = process.communicate()
    seconds = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{said[-2000:]}")
    sampler.join()
    return seconds, peak


def _sample(pid: int, peak: dict[str, float]) -> None:
    try:
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            held = {"own": 0.0, "sandbox": 0.0}
            inside: set[int] = set()
            for one in [root, *root.children(recursive=True)]:
                try:
                    if one.ppid() in inside or "bwrap" in one.name():
                        inside.add(one.pid)
                    held["sandbox" if one.pid in inside else "own"] += one.memory_full_info().pss / 1e6
                except psutil.Error:
                    continue
            for name, value in held.items():
                peak[name] = max(peak[name], value)
            time.sleep(0.5)
    except psutil.Error:
        pass


def scores(course: Path) -> list[float]:
    """What our grading gave, as shares."""
    found = [json.loads(p.read_text()) for p in (course / "results" / "lab02").glob("[!.]*.json")]
    return [one["score"] / one["maximum"] for one in found]


def main() -> None:
    """Measure both, in turn, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--without-peer", action="store_true", help="time only our own grading")
    options = parser.parse_args()
    ours, theirs, memory = [], [], []
    for repeat in range(options.repeats):
        with tempfile.TemporaryDirectory() as scratch:
            mine = our_course(Path(scratch, "ours"))
            submit(mine / "submitted", options.submissions, repeat)
            grade = [sys.executable, "-m", "lecturelib.cli", "grade", "--lab", "lab02", "-j", str(options.jobs)]
            seconds, peak = timed([*grade, "--course", str(mine)], ROOT)
            full = sum(share == 1 for share in scores(mine))
            if full != options.submissions:
                raise RuntimeError(f"only {full} of {options.submissions} honest submissions got full marks")
            ours.append(seconds)
            memory.append(peak)
            if not options.without_peer:
                peer = peers_course(Path(scratch, "peer"))
                submit(peer / "submitted", options.submissions, repeat)
                seconds, _ = timed([sys.executable, "-m", "nbgrader", "autograde", "lab02", "--create"], peer)
                theirs.append(seconds)
        print(
            f"run {repeat + 1}: ours {ours[-1]:.1f} s" + (f", nbgrader {theirs[-1]:.1f} s" if theirs else ""),
            flush=True,
        )
    rate = 60 * options.submissions / median(ours)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {options.submissions} submissions")
    print(f"lecturelib grade -j {options.jobs}: {median(ours):.1f} s, {rate:.0f} a minute")
    print(
        f"memory (PSS): grader {max(m['own'] for m in memory):.0f} MB, "
        f"sandbox {max(m['sandbox'] for m in memory):.0f} MB"
    )
    if theirs:
        print(f"nbgrader autograde: {median(theirs):.1f} s, {60 * options.submissions / median(theirs):.0f} a minute")
        print(f"ratio {median(theirs) / median(ours):.1f}")


if __name__ == "__main__":
    main()
