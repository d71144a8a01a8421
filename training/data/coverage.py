"""Prints which set holds how many drawings of each thing: python -m data.coverage ICON_FOLDER"""

import json
import sys
from pathlib import Path

from .things import SKIP, STYLES, matches, things


def icon_names(folder, style):
    data = json.loads((Path(folder) / "node_modules/@iconify-json" / style / "icons.json").read_text())
    hidden = {n for n, i in data["icons"].items() if i.get("hidden")}
    names = [n for n in data["icons"] if n not in hidden]
    # An alias is another name of a drawing; a rotated or flipped one would be another drawing.
    alias = {n: a["parent"] for n, a in data.get("aliases", {}).items() if set(a) == {"parent"}}
    return names, alias


def drawings(folder):
    """{thing: {style: [icon, …]}}; aliases resolved, each drawing once, in name order."""
    table = {name: {} for name, _, _ in things()}
    for style in STYLES:
        names, alias = icon_names(folder, style)
        for name, _, wanted in things():
            found = {n for n in names if matches(n, wanted)}
            found |= {p for n, p in alias.items() if matches(n, wanted) and p in names}
            found -= {n for s, n in SKIP if s == style}
            if found:
                table[name][style] = sorted(found)
    return table


if __name__ == "__main__":
    table = drawings(sys.argv[1])
    for name, by_style in table.items():
        print(f"{name:12}", *(f"{len(by_style.get(s, []))}" for s in STYLES), sep="  ")
    print(len(table), "things;", *(f"{s} {sum(s in t for t in table.values())}" for s in STYLES))
