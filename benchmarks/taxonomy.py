"""Taxonomy on real photos: the shop's own tree and product texts as they are, then with one fault planted at a time.

python benchmarks/taxonomy.py [--data ../shared/data] [--seeds 5]
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> int:
    """Print what is found; 1 where a planted fault is missed or a right name is called wrong."""
    from analysis.checks.taxonomy import Params, find_taxonomy
    from analysis.embedders import load_embedder
    from analysis.opening import open_dataset
    from analysis.sources import Source
    from analysis.store import Store
    from analysis.taxonomy import Entry
    from analysis.taxonomy_facts import Kind

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/benchmarks"))
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    folder, texts = given.data / "grocery" / "in_store", given.data / "grocery" / "studio"
    if not folder.is_dir() or not texts.is_dir():
        print(f"{folder} is not there: nothing measured.")
        return 0
    entries = []
    for file in sorted(texts.rglob("*_Description.txt")):
        *above, name = file.parent.relative_to(texts).parts
        entries.append(Entry(name, file.read_text(encoding="utf-8", errors="replace").strip(), "/".join(above)))
    opened = open_dataset(Source(folder, None), store=Store(given.cache), embedder=load_embedder("bundled"))
    data, features = replace(opened.dataset, taxonomy=tuple(entries)), opened.features
    find_taxonomy(data, features)  # what loads, loads

    def kinds(dataset, **params):  # type: ignore[no-untyped-def]
        found = find_taxonomy(dataset, features, Params(**params)).findings().tables["problems"]
        return {(c, k) for c, k in zip(found["concept"], found["kind"], strict=True)}

    start = time.process_time()
    clean = kinds(data)
    print(f"{len(entries)} entries, {len(data)} pictures, as they are ({time.process_time() - start:.1f} CPU s):")
    for kind in Kind:
        named = sorted(c for c, k in clean if k == kind)
        if named:
            print(f"  {kind}: {', '.join(named)}")
    start = time.process_time()
    whole = kinds(data, components=10**6)
    print(f"on all components: {time.process_time() - start:.1f} CPU s; differs in {sorted(clean ^ whole)}")
    false_names = [k for _, k in clean if k in (Kind.UNKNOWN_LABEL, Kind.SAME_NAME, Kind.ELSEWHERE, Kind.NO_IMAGES)]

    rng = np.random.default_rng(0)
    common = [c for c in data.concepts if len(data.rows(concept=c)) >= 60]
    hits = dict.fromkeys(("left out", "mistyped", "halves", "swapped branch"), 0)
    for _ in range(given.seeds):
        concept = str(rng.choice(common))
        name = concept.rsplit("/", 1)[-1]
        lacking = replace(data, taxonomy=tuple(e for e in entries if e.name != name))
        hits["left out"] += (concept, Kind.UNKNOWN_LABEL) in kinds(lacking)
        place = int(rng.integers(1, len(name) - 2))
        typed = f"{name[:place]}{name[place + 1]}{name[place]}{name[place + 2 :]}"
        typed = typed if typed != name else f"{name}x"
        slip = f"{concept.rsplit('/', 1)[0]}/{typed}"
        hits["mistyped"] += (slip, Kind.UNKNOWN_LABEL) in kinds(_relabelled(data, concept, slip, 0.3, rng))
        twin = f"{concept}-two"
        both = (*entries, replace(next(e for e in entries if e.name == name), name=f"{name}-two", description=""))
        halves = kinds(_relabelled(replace(data, taxonomy=both), concept, twin, 0.5, rng))
        hits["halves"] += bool({(concept, Kind.NOT_TOLD_APART), (twin, Kind.NOT_TOLD_APART)} & halves)
        moved = [replace(e, parent="Packages/Milk") if e.name == name else e for e in entries]
        hits["swapped branch"] += (concept, Kind.ELSEWHERE) in kinds(replace(data, taxonomy=tuple(moved)))
    print("planted, found:", ", ".join(f"{what} {n} of {given.seeds}" for what, n in hits.items()))
    print(
        "halves are 30 pictures or so here, which proves an AUC below 0.75 now and then only: not part of the verdict"
    )
    return int(bool(false_names) or min(n for what, n in hits.items() if what != "halves") < given.seeds)


def _relabelled(data, concept, new, share, rng):  # type: ignore[no-untyped-def]
    labels = data.labels.copy()
    mine = labels.index[labels["concept"] == concept].to_numpy()
    labels.loc[rng.permutation(mine)[: round(share * len(mine))], "concept"] = new
    return replace(data, labels=labels, _cache={})


if __name__ == "__main__":
    raise SystemExit(main())
