"""The environment of a watcher's workers, and where their programs are looked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from circus.model.errors import ConfigError
from circus.model.specs import WatcherSpec

DEFAULT_PATH: Final = ("/bin", "/usr/bin")
"""Where programs are looked for when the worker's environment has no PATH."""


def worker_environment(
    spec: WatcherSpec, inherited: Mapping[str, str], python_path: Sequence[str] = ()
) -> dict[str, str]:
    """Return the whole environment of the workers of *spec*.

    copy_env starts from *inherited*, circusd's own; copy_path puts *python_path*, circusd's
    sys.path, into PYTHONPATH. Both are overridden by the watcher's env, whose values are taken as
    they are. A virtualenv gets its bin in front of PATH and its packages at the end of PYTHONPATH.

    Raises ConfigError where options contradict each other or the virtualenv has no packages.
    """
    env: dict[str, str] = {}
    if spec.copy_env:
        env.update(inherited)
    if spec.copy_path:
        if not spec.copy_env:
            raise ConfigError(
                f"watcher {spec.name}: copy_path needs the copied environment. "
                "Write also: copy_env = true"
            )
        env["PYTHONPATH"] = os.pathsep.join(python_path)
    env.update(spec.env)
    if spec.virtualenv is not None:
        _enter_virtualenv(spec, spec.virtualenv, env)
    return env


def candidates(program: str, env: Mapping[str, str]) -> list[str]:
    """Return the paths to try for *program*, in order, as execvp(3) does.

    A name with a slash is a path. Others are looked for in the worker's PATH, an empty entry of
    which is its working directory.
    """
    if "/" in program:
        return [program]
    places = env["PATH"].split(os.pathsep) if "PATH" in env else DEFAULT_PATH
    return [f"{place or '.'}/{program}" for place in places]


def _enter_virtualenv(spec: WatcherSpec, root: str, env: dict[str, str]) -> None:
    if not spec.copy_env:
        raise ConfigError(
            f"watcher {spec.name}: virtualenv needs the copied environment. "
            "Write also: copy_env = true"
        )
    version = spec.virtualenv_py_ver or f"{sys.version_info.major}.{sys.version_info.minor}"
    packages = Path(root, "lib", f"python{version}", "site-packages")
    if not packages.is_dir():
        raise ConfigError(
            f"watcher {spec.name}: virtualenv = {root}: there is no {packages}. "
            "Give the virtualenv's top directory, and its Python version where that is another, "
            "for example: virtualenv_py_ver = 3.11"
        )
    bin_first = [str(Path(root, "bin")), *filter(None, [env.get("PATH")])]
    env["PATH"] = os.pathsep.join(bin_first)
    packages_last = [*filter(None, [env.get("PYTHONPATH")]), str(packages), *_linked(packages)]
    env["PYTHONPATH"] = os.pathsep.join(packages_last)


def _linked(packages: Path) -> Iterator[str]:
    """Yield the directories that the .pth files of *packages* name, each once.

    Lines that are code are left alone: they are for the worker's interpreter to run, not for us.
    """
    seen = {packages}
    for file in sorted(packages.glob("*.pth")):
        try:
            lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except OSError:  # a file that we may not read may be readable for the worker
            continue
        for line in map(str.strip, lines):
            if not line or line.startswith(("#", "import ", "import\t")) or "\0" in line:
                continue
            place = Path(os.path.normpath(packages / line))
            if place not in seen and place.exists():
                seen.add(place)
                yield str(place)
