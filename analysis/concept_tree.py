"""The tree of concepts that a taxonomy states, and which of its entries a label means.

A taxonomy may be wrong: an entry may be its own ancestor, or hang under two parents. So the "tree" is a directed
graph, and what is wrong with it can be asked. networkx loads when a function runs, not on import.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from analysis.dataset import ancestors
from analysis.names import Say, leaf, short_names
from analysis.taxonomy import Entry

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class ConceptTree:
    """Entries and what lies above what.

    Attributes:
        entries: as written, in their order; one a name (an entry listed twice keeps the first one's words).
        above: pairs (child, parent) of names, in order, no pair twice.
        implied: names that occur only as somebody's parent.
    """

    entries: tuple[Entry, ...]
    above: tuple[tuple[str, str], ...]
    implied: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name: of the entries, then the implied ones."""
        return (*(e.name for e in self.entries), *self.implied)

    def entry(self, name: str) -> Entry | None:
        """The entry of that name."""
        return next((e for e in self.entries if e.name == name), None)

    def parents(self, name: str) -> tuple[str, ...]:
        """Names directly above."""
        return tuple(p for c, p in self.above if c == name)

    def children(self, name: str) -> tuple[str, ...]:
        """Names directly below."""
        return tuple(c for c, p in self.above if p == name)

    def lineage(self, name: str) -> frozenset[str]:
        """The name and everything above it."""
        seen: set[str] = set()
        todo = [name]
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo += self.parents(one)
        return frozenset(seen)

    def cycles(self) -> tuple[tuple[str, ...], ...]:
        """Groups of names each of which lies above itself."""
        import networkx as nx

        graph = self._graph()
        knots = [c for c in nx.strongly_connected_components(graph) if len(c) > 1]
        knots += [{n} for n in graph.nodes if graph.has_edge(n, n)]
        return tuple(sorted(tuple(sorted(k)) for k in knots))

    def _graph(self) -> nx.DiGraph[str]:
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.names)
        graph.add_edges_from(self.above)
        return graph


def build_tree(entries: Sequence[Entry]) -> ConceptTree:
    """The tree of these entries. A path as a name (`Fruit/Apple`) says its parent; `parent` may name it otherwise."""
    merged: dict[str, Entry] = {}
    for entry in entries:
        merged.setdefault(entry.name, entry)
    known = {**{leaf(n): n for n in reversed(merged)}, **{n: n for n in merged}}
    above: dict[tuple[str, str], None] = {}
    implied: dict[str, None] = {}
    for entry in entries:
        parents = [p.strip() for p in entry.parent.split(";") if p.strip()]
        if not parents and "/" in entry.name:
            parents = [entry.name.rsplit("/", 1)[0]]
        for parent in parents:
            name = known.get(parent, parent)
            above[entry.name, name] = None
            if name not in merged:
                implied[name] = None
    for name in list(implied):  # an implied path has parents of its own
        line = [*ancestors(name), name]
        for child, parent in zip(line[:0:-1], line[-2::-1], strict=True):
            above[child, known.get(parent, parent)] = None
            if parent not in known:
                implied[parent] = None
    return ConceptTree(tuple(merged.values()), tuple(above), tuple(implied))


def drafted(concepts: Iterable[str]) -> tuple[Entry, ...]:
    """A taxonomy without words, from the concepts' own paths: every concept and everything above it."""
    names = sorted({n for c in concepts for n in (*ancestors(c), c)})
    return tuple(Entry(name=n, parent=n.rsplit("/", 1)[0] if "/" in n else "") for n in names)


def entry_of(label: str, tree: ConceptTree) -> str | None:
    """The name in the tree that a label means, exactly as written; None where there is none.

    A label may be a path and the name its last part, or the other way round. Where several names end alike, the
    one that shares most ancestors with the label is meant.
    """
    names = tree.names
    if label in names:
        return label
    alike = [n for n in names if leaf(n) == leaf(label)]
    if not alike:
        return None
    said = set(label.split("/")[:-1])

    def shared(name: str) -> int:
        return len(said & {part for one in tree.lineage(name) for part in one.split("/")})

    return max(sorted(alike), key=shared)


def spoken(labels: Collection[str], tree: ConceptTree) -> Say:
    """`short_names` of the labels and of the tree; a label is called as the one entry that only it means."""
    meant = {label: name for label in labels if (name := entry_of(label, tree)) is not None}
    alone = Counter(meant.values())
    return short_names((*labels, *tree.names), {label: n for label, n in meant.items() if alone[n] == 1})


@lru_cache(maxsize=65_536)
def spelling(name: str) -> str:
    """The last part in one spelling: lower case, no accents, words apart by one space, no plural `s`."""
    plain = unicodedata.normalize("NFKD", leaf(name)).casefold()
    plain = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    words = plain.split()
    if words and len(words[-1]) > 3 and words[-1].endswith("s") and not words[-1].endswith("ss"):
        words[-1] = words[-1].removesuffix("es") if words[-1].endswith(("shes", "ches", "xes")) else words[-1][:-1]
    return " ".join(words) or leaf(name).casefold()  # signs alone are a spelling as well
