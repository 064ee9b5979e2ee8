"""What every check shares: a check has the worst verdict of its concepts, though no concept alone may show it."""

import pytest

from analysis.checks.base import ConceptFinding, Verdict, borne, rank_findings


def finding(concept, verdict, score, fix=""):
    return ConceptFinding(concept, verdict, score, f"{concept}.", (f"{concept}.jpg",), fix)


FOUND = rank_findings(
    [finding("a", Verdict.PASS, 0.9), finding("b", Verdict.PASS, 0.8), finding("c", Verdict.CANNOT_TELL, None)]
)


@pytest.mark.parametrize("whole", [Verdict.WARN, Verdict.FAIL])
def test_what_no_concept_shows_alone_is_borne_by_the_one_that_fares_worst(whole):
    out = borne(FOUND, whole, "As a whole too many.", "Mend it.")
    assert out[0] == ConceptFinding("b", whole, 0.8, "b. As a whole too many.", ("b.jpg",), "Mend it.")
    assert {f.concept: f for f in out[1:]} == {f.concept: f for f in FOUND if f.concept != "b"}


@pytest.mark.parametrize("whole", [Verdict.PASS, Verdict.CANNOT_TELL])
def test_a_concept_as_bad_as_the_whole_is_enough(whole):
    assert borne(FOUND, whole, "As a whole.") == FOUND
    warned = rank_findings([*FOUND, finding("d", Verdict.FAIL, 0.2, "Own.")])
    assert borne(warned, Verdict.WARN, "As a whole.") == warned


def test_a_whole_that_cannot_be_told_leaves_its_bearer_without_a_score_or_a_fix():
    fine = (finding("a", Verdict.PASS, 0.9), finding("b", Verdict.PASS, 1.0))
    first, other = borne(fine, Verdict.CANNOT_TELL, "Too few.", "Mend it.")
    assert (first.concept, first.score, first.fix) == ("a", None, "") and other == fine[1]


def test_a_bearer_that_could_not_be_asked_has_the_score_of_the_whole_and_speaks_of_the_whole_first():
    silent = tuple(ConceptFinding(c, Verdict.CANNOT_TELL, None, "Cannot tell: 3 pictures.") for c in "ab")
    first, other = borne(silent, Verdict.WARN, "As a whole too many.", "Mend it.", 0.7)
    assert (first.concept, first.verdict, first.score) == ("a", Verdict.WARN, 0.7) and other == silent[1]
    assert first.headline == "As a whole too many. Of this concept alone it cannot be told: 3 pictures."
    assert borne(FOUND, Verdict.WARN, "As a whole.", "", 0.1)[0].score == 0.8


def test_without_concepts_there_is_none_to_bear_it():
    assert borne((), Verdict.FAIL, "All of it.") == ()
