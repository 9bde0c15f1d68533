"""Starting one worker with the sockets it is to have: the shared ones, and one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from circus.model.errors import SocketError, SpawnError
from circus.model.specs import WatcherSpec
from circus.process.command import sockets_mentioned
from circus.process.limits import is_short_of_descriptors
from circus.process.spawner import Child, Launcher
from circus.sockets.table import SocketTable


class WorkerLauncher:
    """Starts workers of one watcher. A changed spec or a changed socket needs a new one."""

    def __init__(
        self, spec: WatcherSpec, sockets: SocketTable, nofile: tuple[int, int] | None
    ) -> None:
        self._sockets = sockets
        self._launcher = Launcher(spec, sockets=sockets.fds(), nofile=nofile)
        mentioned = sockets_mentioned(spec)
        self._own = [
            name
            for name in sorted(mentioned)
            if name in sockets and sockets[name].spec.so_reuseport
        ]

    @property
    def environment(self) -> Mapping[str, str]:
        """The full environment of the workers."""
        return self._launcher.environment

    def launch(self, wid: int) -> Child:
        """Start the worker *wid*; SpawnError when it cannot be, or when descriptors run short.

        A socket that is so_reuseport is opened for this worker alone: the worker keeps it.
        """
        if is_short_of_descriptors():
            raise SpawnError(
                f"watcher {self._launcher.spec.name}: no descriptor left for another worker: each "
                "takes one of circusd, which keeps some back to answer and to look after "
                "the others. Raise the hard limit that circusd starts with (ulimit -Hn, or "
                "LimitNOFILE= in its systemd unit)"
            )
        if not self._own:
            return self._launcher.launch(wid)
        with ExitStack() as closing:
            listeners = {}
            for name in self._own:
                try:
                    listener = self._sockets.listener(name)
                except SocketError as exc:
                    raise SpawnError(str(exc)) from exc
                closing.callback(listener.close)
                listeners[name] = listener.fileno()
            return self._launcher.launch(wid, listeners=listeners)
