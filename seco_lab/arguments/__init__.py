"""The options of every subcommand; what they do is in ``seco_lab.commands``."""
