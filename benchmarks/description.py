"""Descriptions on real photos: texts as they are, two exchanged at a time, and texts about nothing.

python benchmarks/description.py [--data ../shared/data] [--cache .cache/benchmarks] [--folder PATH --taxonomy FILE]

With `--folder` the texts of a taxonomy are read beside the pictures of a folder, every two concepts exchanged in turn.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

TRASHNET = {
    "cardboard": "a cardboard box or carton",
    "glass": "a glass bottle or jar",
    "metal": "a metal can or tin",
    "paper": "a sheet of paper, a magazine or a newspaper",
    "plastic": "a plastic bottle, bag or wrapping",
    "trash": "other waste that cannot be recycled",
}


def main() -> int:
    """Print what is understood and found; 1 where exchanged texts are missed though understood, or clean ones alarm."""
    from analysis.checks.base import Verdict
    from analysis.checks.description import find_description
    from analysis.embedders import load_embedder
    from analysis.opening import open_dataset
    from analysis.sources import Source
    from analysis.store import Store
    from analysis.taxonomy import Entry, read_taxonomy
    from analysis.unrelated_texts import unrelated_texts

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/benchmarks"))
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="a set of your own instead")
    parser.add_argument("--taxonomy", type=Path, help="its texts")
    given = parser.parse_args()
    embedder, store, right = load_embedder("bundled"), Store(given.cache), True
    wrong = (Verdict.WARN, Verdict.FAIL)

    def run(opened, entries):  # type: ignore[no-untyped-def]
        return find_description(replace(opened.dataset, taxonomy=tuple(entries)), opened.features).findings()

    def exchanged(name, opened, entries):  # type: ignore[no-untyped-def]
        """Exchange every two texts in turn; whether all that were understood are found and no others named."""
        texts = {e.name: e for e in entries}
        clean = run(opened, texts.values())
        understood = {f.concept for f in clean.concepts if f.verdict is Verdict.PASS}
        alarms = [f.concept for f in clean.concepts if f.verdict in wrong]
        print(f"{name}: understood {sorted(understood)}, alarms {alarms}")
        fine, found, of, passed = clean.verdict not in wrong, 0, 0, 0
        for a, b in itertools.combinations(texts, 2):
            swapped = {**texts, a: replace(texts[a], description=texts[b].description)}
            swapped[b] = replace(texts[b], description=texts[a].description)
            again = run(opened, swapped.values()).concepts
            named = {f.concept for f in again if f.verdict in wrong}
            known = {a, b} <= understood
            passed += known and any(f.concept in (a, b) and f.verdict is Verdict.PASS for f in again)
            print(f"  {a} and {b} exchanged: {sorted(named) or 'nothing'}{' (both understood)' if known else ''}")
            fine &= named == {a, b} if known else named <= {a, b}
            found, of = found + (known and named == {a, b}), of + known
        print(f"  {found} of {of} exchanges of two understood texts found, {passed} with one called fine")
        return fine and not passed

    if given.folder:
        opened = open_dataset(Source(given.folder, None), store=store, embedder=embedder)
        return 0 if exchanged(given.folder.name, opened, read_taxonomy(given.taxonomy)) else 1
    folder = given.data / "trashnet"
    if folder.is_dir():
        opened = open_dataset(Source(folder, None), store=store, embedder=embedder)
        texts = [Entry(name, words) for name, words in TRASHNET.items()]
        right &= exchanged("trashnet", opened, texts)
        nothing = [*unrelated_texts().texts, *unrelated_texts(short=False).texts]
        rng, alarms = np.random.default_rng(0), 0
        for _ in range(given.trials):
            drawn = rng.choice(nothing, len(texts), replace=False)
            alarms += (
                run(opened, [replace(e, description=str(t)) for e, t in zip(texts, drawn, strict=True)]).verdict
                in wrong
            )
        print(f"  texts about nothing: alarms in {alarms} of {given.trials}")
        right &= alarms <= given.trials * 0.1
    folder, texts_folder = given.data / "grocery" / "in_store", given.data / "grocery" / "studio"
    if folder.is_dir():
        opened = open_dataset(Source(folder, None), store=store, embedder=embedder)
        entries = []
        for file in sorted(texts_folder.rglob("*_Description.txt")):
            *above, name = file.parent.relative_to(texts_folder).parts
            words = file.read_text(encoding="utf-8", errors="replace").strip()
            entries.append(Entry(name, words, "/".join(above)))
        start = time.process_time()
        clean = run(opened, entries)
        print(f"grocery in store: {clean.headline} ({time.process_time() - start:.0f} CPU s)")
        right &= clean.verdict not in wrong
        known = [f.concept.rpartition("/")[2] for f in clean.concepts if f.verdict is Verdict.PASS]
        of = {e.name: e for e in entries}
        pairs = [p for p in itertools.combinations(sorted(known), 2) if of[p[0]].parent == of[p[1]].parent]
        found, others, passed = [], 0, 0
        for a, b in pairs:
            swapped = {**of, a: replace(of[a], description=of[b].description)}
            swapped[b] = replace(of[b], description=of[a].description)
            again = run(opened, swapped.values()).concepts
            named = {f.concept.rpartition("/")[2] for f in again if f.verdict in wrong}
            found += [f"{a} and {b}"] * (named >= {a, b})
            others += bool(named - {a, b})
            passed += any(f.concept.rpartition("/")[2] in (a, b) and f.verdict is Verdict.PASS for f in again)
        print(
            f"  exchanges of two understood siblings: {len(found)} of {len(pairs)} found, {others} with a third named, "
            f"{passed} with one called fine"
        )
        right &= not passed
        print(f"  {'; '.join(found)}")
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
