"""What a comparison needs before it starts: the C programs, and peers in their own environments."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
FLOORS: Final = HERE / "floors"
VENVS: Final = HERE / ".venvs"


class Unavailable(Exception):
    """Something that a comparison needs cannot be had here; the message says what and why."""


def compile_c(source: str, target: Path, *flags: str) -> Path:
    """Compile floors/*source* to *target*."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Unavailable("the floors need a C compiler, and there is none")
    made = subprocess.run(
        [compiler, "-O2", *flags, "-o", target, FLOORS / source], capture_output=True, text=True
    )
    if made.returncode:
        raise Unavailable(f"{source} cannot be compiled here: {made.stderr.strip()[-400:]}")
    return target


def compile_worker(directory: Path, hello: Path) -> Path:
    """Build the worker that says hello at the FIFO *hello*."""
    flags = ("-static", "-nostdlib", f'-DHELLO_PATH="{hello}"')
    return compile_c("worker.c", directory / "worker", *flags)


def environment(name: str, *requirements: str) -> Path:
    """Return the bin directory of a virtual environment that holds *requirements*.

    It is made on first use and kept in benchmarks/.venvs for the next time.
    """
    venv = VENVS / name
    stamp = venv / "requirements"
    wanted = "\n".join(requirements)
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"installing {', '.join(requirements)} for the comparison", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        pip = [f"{venv}/bin/python", "-m", "pip", "install", "--quiet"]
        for step in ([sys.executable, "-m", "venv", str(venv)], [*pip, *requirements]):
            done = subprocess.run(step, capture_output=True, text=True)
            if done.returncode:
                shutil.rmtree(venv, ignore_errors=True)
                raise Unavailable(f"cannot install {wanted}: {done.stderr.strip()[-300:]}")
        stamp.write_text(wanted, encoding="utf-8")
    return venv / "bin"
