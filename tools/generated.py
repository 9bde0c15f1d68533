"""Files that are generated from the code and kept in the repository: write them, or compare.

Each generator has `render() -> {path: text}`, paths from the root of the checkout. Run
`python -m tools.generated` to write all of them; tests/unit/test_generated.py compares.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
GENERATORS: Final = ("state_diagram", "option_reference", "completions")


def render(generator: str) -> dict[str, str]:
    """Return what *generator* makes of the code as it is now: path -> text."""
    made: dict[str, str] = importlib.import_module(f"tools.{generator}").render()
    return made


def stale(generator: str) -> list[str]:
    """Return the paths whose file is missing or says something else than the code."""
    return [
        path
        for path, text in render(generator).items()
        if not (ROOT / path).is_file() or (ROOT / path).read_text(encoding="utf-8") != text
    ]


def write(generator: str) -> list[str]:
    """Bring the files of *generator* up to date; return the paths that changed."""
    changed = stale(generator)
    for path in changed:
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(render(generator)[path], encoding="utf-8")
    return changed


def main(names: list[str]) -> int:
    """Write the files of the generators *names*, or of all."""
    if unknown := set(names) - set(GENERATORS):
        print(f"no such generator: {', '.join(unknown)}; there are {', '.join(GENERATORS)}")
        return 2
    for name in names or GENERATORS:
        changed = write(name)
        print(f"{name}: {', '.join(changed) if changed else 'up to date'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
