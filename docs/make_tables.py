"""Write the table of checks into README.md from the registry: `python docs/make_tables.py [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

from analysis.registry import CHECKS

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- checks: made by docs/make_tables.py -->", "<!-- end -->"


def table() -> str:
    """The checks as a Markdown table, in the registry's order."""
    rows = ["| check | the question it answers | module | page |", "|---|---|---|---|"]
    for check in CHECKS:
        name = check.function.__module__
        path = name.replace(".", "/") + ".py"
        docs = f"[{check.id}](docs/checks/{check.id}.md)"
        rows.append(f"| {docs} | {check.question} | [`{name}`]({path}) | {check.title} (`/{check.page}`) |")
    return "\n".join(rows)


def with_table(text: str) -> str:
    """The README's text with the table as it should be.

    Raises:
        ValueError: the two marks are not there.
    """
    before, _, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"README.md has no {START} ... {END}")
    return f"{before}{START}\n{table()}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Rewrite, or with --check only say whether it would change; 1 if so."""
    text = README.read_text(encoding="utf-8")
    wanted = with_table(text)
    if "--check" in arguments:
        return int(wanted != text)
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
