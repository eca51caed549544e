"""The parser of the whole command line."""

from __future__ import annotations

from seco_lab import __version__
from seco_lab.arguments.base import Parser
from seco_lab.arguments.comparing import add_compare
from seco_lab.arguments.demo import add_demo
from seco_lab.arguments.gathering import add_gather, add_plan
from seco_lab.arguments.probing import add_probe
from seco_lab.arguments.training import add_pretrain
from seco_lab.arguments.using import add_area, add_embed, add_explore
from seco_lab.arguments.weights import add_weights

_SUBCOMMANDS = (
    add_demo,
    add_plan,
    add_gather,
    add_pretrain,
    add_embed,
    add_probe,
    add_compare,
    add_explore,
    add_area,
    add_weights,
)


def build_parser() -> Parser:
    """The parser of all subcommands."""
    parser = Parser(prog="seco-lab", description="Contrastive learning on seasonal satellite imagery.")
    parser.add_argument("--version", action="version", version=f"seco-lab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser, metavar="COMMAND")
    for add in _SUBCOMMANDS:
        add(commands)
    return parser
