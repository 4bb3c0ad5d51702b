"""An option whose value may be left out, which typer has no word for."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class ValueMayFollow(TyperCommand):
    """A command whose ``--ray`` stands alone too, and is then given with an empty value; it takes no positional arguments."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Write the empty value where none follows."""
        ends = [*args[1:], "--"]
        given = (
            [
                "--ray=" if word == "--ray" and after.startswith("-") else word
                for word, after in zip(args, ends, strict=True)
            ]
            if args
            else []
        )
        return super().parse_args(ctx, given)
