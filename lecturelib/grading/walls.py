"""The walls: bubblewrap's command line, and what the code behind them finds in its environment."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib

import lecturelib
from lecturelib.launch import QUIET_THREADS

LAB = "/lab"  # where the released lab's files are seen inside
NOBODY = "65534"
FONTS = "/tmp/matplotlib"  # its list of fonts takes seconds to make
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/lib32", "/sbin")


class SandboxError(ValueError):
    """There is no sandbox, or it does not hold; the message says what to do."""


def environment() -> dict[str, str]:
    """What the student's code finds in os.environ."""
    return QUIET_THREADS | {
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "agg",
        "MPLCONFIGDIR": FONTS, "LECTURELIB_PROFILE": "smoke", "LECTURELIB_DEVICE": "cpu",
        "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1", "TZ": "UTC",
    }  # fmt: skip


def bubblewrap(folder: Path | None = None) -> list[str]:
    """The command line up to the program's own."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SandboxError(
            "bubblewrap is not installed, and without a sandbox students' code could read and change everything here: "
            "install it (Debian, Ubuntu: sudo apt install bubblewrap; Linux only), or grade in a virtual machine. "
            "--no-sandbox is for files of your own"
        )
    root, fonts = os.geteuid() == 0, sorted(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))
    confined = [
        *(bwrap, "--tmpfs", "/tmp", *_view(Path(LAB) if root and folder else folder)),  # the course may lie in /tmp
        *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"),
        *("--proc", "/proc", "--dev", "/dev"),
        *_at(FONTS, [Path(FONTS, file.name) for file in fonts] if root else fonts),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--clearenv"),
        *(word for pair in environment().items() for word in ("--setenv", *pair)),
    ]
    if not root:
        return [*confined, "--"]
    if shutil.which("setpriv") is None:
        raise SandboxError("setpriv (Debian: util-linux) is needed to grade as root: install it, or grade as a user")
    # root first makes the paths reachable for nobody, then becomes nobody, for good
    reach = [
        *(bwrap, *_view(folder), *_at(FONTS, fonts), "--dev-bind", "/dev", "/dev", "--bind", "/proc", "/proc"),
        *("--die-with-parent", "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
        *("--", "setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all"),
    ]
    return [*reach, "--", *confined, "--"]


def _view(folder: Path | None) -> list[str]:
    """What of the disk is seen inside, read-only: the system's programs, Python, the library, the released lab."""
    shown = {str(Path(p).resolve()) for p in (sys.base_prefix, sys.prefix, Path(lecturelib.__file__).parent)}
    data = os.environ.get("LECTURELIB_DATA") or Path(lecturelib.__file__).parents[1] / "data"
    if Path(data).is_dir():
        shown.add(str(Path(data).resolve()))
    shown = {p for p in shown if not p.startswith("/usr/")}
    words, made = [], set()
    for path in sorted([*shown, LAB, "/etc/x", f"{FONTS}/x"]):
        for parent in reversed(Path(path).parents):
            if str(parent) not in {"/", *made}:
                made.add(str(parent))
                words += ["--perms", "0755", "--dir", str(parent)]
    for path in SYSTEM:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            words += ["--ro-bind", path, path]
    for path in sorted(shown):
        words += ["--ro-bind", path, path]
    if os.path.exists("/etc/ld.so.cache"):
        words += ["--ro-bind", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    return [*words, "--ro-bind", str(folder), LAB] if folder else words


def _at(folder: str, files: Sequence[Path]) -> list[str]:
    return [word for file in files for word in ("--ro-bind", str(file), f"{folder}/{file.name}")]
