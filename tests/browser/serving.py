"""A Jupyter server on a course's folder, as long as a test needs it."""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lecturelib import launch

TOKEN = "for-the-test"
FOLDERS = {"JUPYTER_CONFIG_DIR": "config", "JUPYTERLAB_SETTINGS_DIR": "settings",
           "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "JUPYTER_RUNTIME_DIR": "runtime"}  # fmt: skip


@contextmanager
def served(root: Path, home: Path, *arguments: str, answers: str = "/api", **env: str) -> Iterator[str]:
    """The address of a server in `root` that writes its own files to `home`, once the page `answers` is there."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    env = launch.environment(TOKEN) | {name: str(home / folder) for name, folder in FOLDERS.items()} | env
    log = home / "log.txt"
    with open(log, "w") as out:
        process = subprocess.Popen(
            [*launch.command(root, port), *arguments],
            cwd=root, env=env | {"OMP_NUM_THREADS": "1"}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    address = f"http://localhost:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}{answers}?token={TOKEN}", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, f"Jupyter did not start:\n{log.read_text()}"
                time.sleep(0.5)
        else:
            pytest.fail(f"Jupyter did not answer within a minute:\n{log.read_text()}")
        yield address
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
