"""Process records as text: what `stats` and `dstats` print."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIELDS = ("cmdline", "username", "nice", "mem_info1", "mem_info2", "cpu", "mem", "ctime")


def record_lines(record: Any) -> list[str]:
    """Return a process's line and those of its children, indented by three spaces.

    A process that is gone is a text instead of a record.
    """
    if not isinstance(record, dict):
        return [str(record)]
    lines = [f"{record.get('pid')}  {' '.join(str(record.get(key, 'N/A')) for key in FIELDS)}"]
    for child in record.get("children") or ():
        lines += [f"   {line}" for line in record_lines(child)[:1]]
    return lines


def watcher_lines(name: str, records: dict[str, Any]) -> list[str]:
    """Return a watcher's name and the lines of its processes, by pid."""
    lines = [f"{name}:"]
    for pid, record in sorted(records.items(), key=lambda item: (len(item[0]), item[0])):
        first, *rest = record_lines(record)
        lines += [f"{pid}: {first}", *rest]
    return lines
