"""Open JupyterLab on the course: what it is told, and on which address it is found."""

import errno
import json
import os
import secrets
import socket
import sys
from pathlib import Path

# Waiting OpenMP threads that spin make whatever runs beside them many times slower. OpenBLAS (NumPy, SciPy,
# scikit-learn) keeps threads of its own beside torch's, and cannot be told not to spin.
QUIET_THREADS = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "OPENBLAS_NUM_THREADS": "1"}
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    # a link to a page of the course shows the page, not how it is written
    "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}},
}


def course_root() -> Path:
    """The course's folder: the one that holds notebooks/ and lecturelib/.

    FileNotFoundError when lecturelib was installed without it.
    """
    root = Path(__file__).resolve().parents[1]
    if not (root / "notebooks").is_dir():
        raise FileNotFoundError(
            f"{root} has no folder notebooks/: run this from a clone of the course, installed with pip install -e"
        )
    return root


def _merge(file: Path, more: dict) -> None:
    old = json.loads(file.read_text()) if file.exists() else {}
    new = {**old, **more}
    if new != old:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(new, indent=1) + "\n")


def _kernel_json(prefix: str | Path) -> Path:
    return Path(prefix) / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"


def kernel_environment(prefix: str | Path = sys.prefix) -> dict[str, str]:
    """The variables that the kernel under `prefix` is started with."""
    kernel = _kernel_json(prefix)
    return json.loads(kernel.read_text()).get("env", {}) if kernel.exists() else {}


def prepare(prefix: str | Path = sys.prefix) -> None:
    """Set up the Jupyter under `prefix`: kernels whose waiting threads do not spin, no prompt for news, pages shown.

    Done after installing and before every start, since an update of ipykernel writes its kernel.json anew.
    """
    kernel = _kernel_json(prefix)
    if kernel.exists():
        _merge(kernel, {"env": {**kernel_environment(prefix), **QUIET_THREADS}})
    _merge(Path(prefix) / "share" / "jupyter" / "lab" / "settings" / "overrides.json", SETTINGS)


def _is_free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):  # both are localhost
        try:
            socket.create_server((address, port), family=family).close()
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):  # a machine may have one of them only
                return False
    return True


def free_port(first: int = 8888, tries: int = 50) -> int:
    """The first port from `first` on that nobody listens on; OSError when all `tries` are taken."""
    last = min(first + tries - 1, 65535)
    for port in range(first, last + 1):
        if _is_free(port):
            return port
    raise OSError(f"ports {first} to {last} are in use: close a JupyterLab or name another --port")


def has_display() -> bool:
    """Whether a browser could open a window here."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def first_page(root: Path) -> str:
    """The page to open: the first lecture, or the file browser where there is none."""
    lectures = sorted(root.glob("notebooks/01_*.ipynb"))
    return f"/lab/tree/notebooks/{lectures[0].name}" if lectures else "/lab"


def command(root: Path, port: int, *, browser: bool = False) -> list[str]:
    """How to start JupyterLab on the course in `root`, as an argument list; the token comes by JUPYTER_TOKEN."""
    return [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url={first_page(root)}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",  # the address below must stay true
        "--ServerApp.log_level=WARN",
        "--LabApp.log_level=WARN",
        "--ServerApp.answer_yes=True",  # one Ctrl-C is enough
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        *([] if browser else ["--no-browser"]),
    ]


def environment(token: str) -> dict[str, str]:
    """The environment that JupyterLab and its kernels run in: this one's programs and kernels come first."""
    programs = str(Path(sys.executable).parent)  # nbgrader calls alembic by name
    path = os.pathsep.join([programs, os.environ.get("PATH", "")])
    return {**os.environ, **QUIET_THREADS, "PATH": path, "JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_TOKEN": token}


def lab(port: int = 8888, browser: bool | None = None) -> None:
    """Become JupyterLab on the course, in a browser where there is a display; the address is printed.

    A busy port is passed over for the next free one. Does not return.
    """
    root, browser = course_root(), has_display() if browser is None else browser
    try:
        prepare()
    except OSError as error:
        print(f"JupyterLab's settings could not be written ({error}); going on without them.")
    free = free_port(port)
    if free != port:
        print(f"Port {port} is in use, taking {free}.")
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(16)
    print(f"\nJupyterLab:  http://localhost:{free}{first_page(root)}?token={token}\n")
    if "SSH_CONNECTION" in os.environ:
        print(f"From your own computer, first: ssh -L {free}:localhost:{free} THIS_MACHINE")
    print("Ctrl-C here ends it.", flush=True)
    os.chdir(root)  # nbgrader looks for its configuration here
    os.execve(sys.executable, command(root, free, browser=browser), environment(token))
