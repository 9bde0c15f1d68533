"""What a configuration asks for that this version of circusd does not do."""

from __future__ import annotations

from circus.config.families import STREAMS
from circus.model.specs import ArbiterSpec


def missing_parts(spec: ArbiterSpec) -> tuple[str, ...]:
    """Return one warning for each thing that is accepted and has no effect yet."""
    told = [
        f"plugin {plugin.name} is not run: this version runs no plugins yet"
        for plugin in spec.plugins
    ]
    if spec.statsd or spec.stats_endpoint:
        told.append("statsd is not run: this version has no stats stream yet; use circusctl stats")
    if spec.httpd:
        told.append("httpd is not run: this version has no web console yet")
    for watcher in spec.watchers:
        if watcher.hooks:
            told.append(f"watcher {watcher.name}: its hooks are not called by this version")
        if any(getattr(watcher, stream) for stream in STREAMS):
            told.append(
                f"watcher {watcher.name}: its streams are not written by this version; "
                "its output goes to circusd's own"
            )
    return tuple(told)
