"""Writes the shell completions of circusctl from its parser."""

from __future__ import annotations

import shtab

from circus.cli.parser import build_parser

FILES = {
    "bash": "completions/circusctl",
    "zsh": "completions/_circusctl",
    "fish": "completions/circusctl.fish",
}


def render() -> dict[str, str]:
    """Return the completion scripts by their paths."""
    parser = build_parser()
    parser.prog = "circusctl"
    return {
        path: shtab.complete(parser, shell=shell).rstrip("\n") + "\n"
        for shell, path in FILES.items()
    }
