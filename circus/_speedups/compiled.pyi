from collections.abc import Sequence

from circus._speedups.contract import Poured, Rlimit

def spawn(
    argv: Sequence[bytes],
    executables: Sequence[bytes],
    env: Sequence[bytes],
    *,
    cwd: bytes | None = None,
    stdin: int,
    stdout: int,
    stderr: int,
    keep: Sequence[int] = (),
    setsid: bool = True,
    umask: int = -1,
    rlimits: Sequence[Rlimit] = (),
    gid: int = -1,
    groups: Sequence[int] | None = None,
    uid: int = -1,
) -> tuple[int, int]: ...
def reserve() -> int: ...
def children(pids: Sequence[int]) -> list[tuple[int, ...]]: ...
def pretend_old_kernel(old: bool) -> None: ...
def drain(
    fds: Sequence[int], budget: int, chunk: int = 65536
) -> tuple[int, list[tuple[int, int, bytes]]]: ...
def drain_to(
    fds: Sequence[int], out: int, budget: int, chunk: int = 65536, note: int = 65536
) -> Poured: ...
