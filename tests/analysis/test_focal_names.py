"""Which words a model knows, and which wording of a concept is taken."""

from __future__ import annotations

import numpy as np

from analysis.concept_tree import build_tree
from analysis.focal_names import known_words, wordings
from analysis.taxonomy import Entry

WORDS = ["banana", "car", "sofa", "toilet", "bouquet holding", "couple", "person"]


def test_the_bundled_model_knows_everyday_things_and_no_bouquet_or_couple(bundled):
    read = known_words(WORDS, bundled.encode_texts(WORDS), bundled.vocabulary())
    assert read == {"banana", "car", "sofa", "toilet"}


def test_a_model_that_reads_any_text_knows_every_word():
    assert known_words(WORDS, np.zeros((len(WORDS), 4), dtype=np.float32), None) == set(WORDS)


def test_wordings_are_name_name_with_parent_synonyms_and_description_each_once():
    tree = build_tree([Entry("fruit/granny_smith", "a  green apple", synonyms=("Apple", "granny-smith"))])
    assert wordings("fruit/granny_smith", tree) == ("granny smith", "granny smith fruit", "apple", "a green apple")
