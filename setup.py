"""Build the compiled backend where that is possible; everything else is in pyproject.toml.

CIRCUS_PURE_BUILD=1 leaves it out. CIRCUS_REQUIRE_SPEEDUPS=1 makes a failure to build it fatal.
"""

from __future__ import annotations

import os
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FOLDER = "circus/_speedups"
PARTS = ("spawn_child", "children", "drain")
SOURCES = [f"{FOLDER}/compiled.pyx", *(f"{FOLDER}/{part}.c" for part in PARTS)]
HEADERS = [f"{FOLDER}/{part}.h" for part in PARTS]
REQUIRED = os.environ.get("CIRCUS_REQUIRE_SPEEDUPS") == "1"


def give_up(reason: object) -> None:
    """Say in one line that there will be no compiled backend, or end the build if it must be."""
    line = " ".join(str(reason).split())
    if REQUIRED:
        raise SystemExit(f"circus: the compiled backend is required, but: {line}")
    print(f"circus: no compiled backend, the pure Python one serves: {line}", file=sys.stderr)


class BuildSpeedups(build_ext):
    """A build whose failure is no failure of the installation, unless it is asked to be."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # noqa: BLE001 - each compiler is missing in its own way
            give_up(error)

    def get_source_files(self) -> list[str]:
        return [*SOURCES, *HEADERS]


def speedups() -> list[Extension]:
    """Return the extension to build, or nothing where it cannot or shall not be built."""
    if os.environ.get("CIRCUS_PURE_BUILD") == "1":
        return []
    if not sys.platform.startswith("linux"):
        give_up(f"it is made for Linux, this is {sys.platform}")
        return []
    extension = Extension(
        "circus._speedups.compiled",
        SOURCES,
        include_dirs=[FOLDER],
        depends=HEADERS,
    )
    try:
        from Cython.Build import cythonize

        return list(cythonize([extension], build_dir="build/cython", language_level=3))
    except Exception as error:  # noqa: BLE001 - no Cython, or one that cannot
        give_up(error)
        return []


setup(ext_modules=speedups(), cmdclass={"build_ext": BuildSpeedups})
