"""Who may ask what of circusd, where another user was let in by `endpoint_owner`.

That user may run circusd's watchers, but must not gain rights by it: what circusd executes, and as
whom, stays with circusd's own user and root. Decisions only; the caller knows names and numbers.
Everything is refused that is not known to be harmless, so that a new option starts out guarded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from circus.model.errors import MessageError
from circus.model.options import options_of
from circus.model.specs import WatcherSpec

HIDDEN: Final = "(hidden)"
"""Stands for the value of an environment variable that the client may not see."""

_PRIVILEGES: Final = frozenset(
    {"uid", "gid", "copy_env", "copy_path", "use_sockets", "stdin_socket"}
)
"""Options that give a worker another user's rights, or circusd's own environment or sockets."""

_FAMILIES: Final = frozenset({"env"})
"""Keys outside the option table that a watcher's own user may change."""

_INERT: Final = frozenset({"retry_in"})
"""Keys that are accepted and do nothing."""

Resolve = Callable[[str | int], int | None]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who sent a request; None where the kernel does not say."""

    uid: int | None


@dataclass(frozen=True, slots=True)
class Guard:
    """The rule of an endpoint that *owner* may use beside *own_uid* and root.

    *resolve_uid* and *resolve_gid* turn names into numbers, None when there is no such account.
    """

    own_uid: int
    owner_uid: int
    owner_gid: int
    resolve_uid: Resolve
    resolve_gid: Resolve

    def restricts(self, peer: Peer) -> bool:
        """Tell whether *peer* lacks circusd's own rights."""
        return peer.uid is None or peer.uid not in (0, self.own_uid)

    def check(
        self,
        peer: Peer,
        command: str,
        props: Mapping[str, Any],
        find: Callable[[str], WatcherSpec | None],
    ) -> None:
        """Raise MessageError when *peer* could gain rights by this request.

        *props* need not be valid. *find* gives the spec of a watcher, None when there is none.
        """
        if not self.restricts(peer) or command not in ("add", "set"):
            return
        options = props.get("options")
        keys: Mapping[str, Any] = options if isinstance(options, Mapping) else {}
        if command == "add":
            self._check_add(keys)
        else:
            name = props.get("name")
            self._check_set(keys, find(name) if isinstance(name, str) else None)

    def redact(
        self, peer: Peer, command: str, payload: dict[str, Any], spec: WatcherSpec
    ) -> dict[str, Any]:
        """Return *payload* of `options` or `get` as *peer* may see it."""
        values = payload.get("options")
        if (
            not self.restricts(peer)
            or command not in ("options", "get")
            or not isinstance(values, Mapping)
            or self.owns(spec)
        ):
            return payload
        env = values.get("env")
        if not isinstance(env, Mapping):
            return payload
        return {**payload, "options": {**values, "env": dict.fromkeys(env, HIDDEN)}}

    def owns(self, spec: WatcherSpec) -> bool:
        """Tell whether the workers of *spec* run as the owner already."""
        return spec.uid is not None and self._is(spec.uid, self.owner_uid, self.resolve_uid)

    def _check_add(self, options: Mapping[str, Any]) -> None:
        if not self._is(options.get("uid"), self.owner_uid, self.resolve_uid):
            raise MessageError("uid does not match endpoint_owner")
        gid = options.get("gid")
        if gid is not None and not self._is(gid, self.owner_gid, self.resolve_gid):
            raise MessageError("gid does not match endpoint_owner")
        for key in options:
            table_key = key in options_of(WatcherSpec) and key not in _PRIVILEGES
            if not (key in ("uid", "gid") or table_key or key in _FAMILIES | _INERT):
                raise MessageError(_refusal(key))

    def _check_set(self, options: Mapping[str, Any], spec: WatcherSpec | None) -> None:
        table = options_of(WatcherSpec)
        for key in options:
            if key in _INERT:
                continue
            guarded = key in _FAMILIES or (key in table and table[key].guarded)
            if key in _PRIVILEGES or not (key in table or guarded):
                raise MessageError(_refusal(key))
            if guarded and (spec is None or not self.owns(spec)):
                raise MessageError(f"{_refusal(key)} of a watcher that runs as another user")

    @staticmethod
    def _is(account: object, number: int, resolve: Resolve) -> bool:
        if isinstance(account, bool) or not isinstance(account, str | int):
            return False
        return resolve(account) == number


def _refusal(key: object) -> str:
    return f"endpoint_owner may not set {key!r}"
