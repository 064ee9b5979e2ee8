"""Why did it say that? A wrong picture, the places responsible, the positives that taught it, and what they share."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st

from analysis import imaging, why
from analysis.probe import targets
from components.caching import cached
from components.gallery import gallery
from components.jobs_ui import state_card
from components.regions import outlined, tiles
from components.state import link_parameters
from components.text import count, md, plain, short_concepts
from components.thumbnails import data_uri

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.opening import OpenDataset

WRONG: Final = 16
MATCHES: Final = 32
WRONGLY, ANY, MINE = "Answered wrongly", "Any of this dataset", "A picture of mine"
UPLOADED_MB: Final = 30
CHECK_PAGE: Final = "pages/audit/co_occurrence.py"


def why_page(opened: OpenDataset) -> None:
    """Choose a picture and a concept; then the answer."""
    pictures = opened.features.pictures
    with st.spinner("Learning from the training pictures"):
        learnt = cached(opened, "why-learn", None, lambda: why.learn(opened.dataset, pictures) if pictures else None)
    if learnt is None:
        several = targets(opened.dataset).classes[1:]
        state_card(
            "Pictures without a concept are needed" if several else "Two concepts are needed",
            "Every labelled training picture carries every concept, so nothing shows what a picture without one looks "
            "like. Label pictures that lack a concept; then a score can be explained."
            if several
            else "Label training pictures with two concepts or more; then a score can be explained.",
        )
        return
    assert pictures is not None
    given = _given(opened, learnt)
    if given is None:
        return
    thumbnail, local, row, suspected = given
    order = np.argsort(-learnt.answer(why.pooled(local)[None])[0], kind="stable")
    names = short_concepts((*learnt.classes, *learnt.everywhere))
    ranked = [*(learnt.classes[i] for i in order), *learnt.everywhere]
    start = ranked.index(suspected) if suspected in ranked else 0
    concept = str(
        st.selectbox(
            "It said",
            ranked,
            index=start,
            format_func=lambda c: plain(names[c]),
            key=f"why-concept-{opened.fingerprint}-{row}-{start}",
        )
    )
    at = np.flatnonzero(learnt.rows == row) if row is not None else np.empty(0)
    without = int(at[0]) if len(at) else None
    if reason := why.untaught(learnt, concept, without=without):
        state_card(f"{plain(names[concept])} cannot be explained", reason, "Choose another concept above.")
        return
    _answer(opened, learnt, why.explain(learnt, local, concept, without=without), thumbnail, names[concept])


def _given(opened: OpenDataset, learnt: why.Learnt) -> tuple[bytes, NDArray[np.float32], int | None, str | None] | None:
    """The picture: thumbnail, local features, its row and the concept it was wrongly taken for, where known."""
    pictures = opened.features.pictures
    assert pictures is not None
    where = st.segmented_control("Picture", [WRONGLY, ANY, MINE], default=WRONGLY, required=True, key="why-where")
    if where == MINE:
        return _uploaded(opened)
    with st.spinner("Looking for wrong answers"):
        wrong = cached(opened, "why-wrong", None, lambda: why.wrong_answers(learnt, opened.dataset, pictures))
    if where == WRONGLY and not wrong:
        st.caption("No labelled picture is answered wrongly; choose any.")
    row = _wrong(opened, learnt, wrong) if where == WRONGLY and wrong else _any(opened)
    if row is None:
        return None
    suspected = next((c for r, c, _ in wrong if r == row), None)
    return opened.thumbnails([row])[0], why.local_features_of(pictures, row), row, suspected


def _wrong(opened: OpenDataset, learnt: why.Learnt, wrong: list[tuple[int, str, float]]) -> int | None:
    """The row chosen of the pictures answered wrongly, at least one; the first until one is."""
    st.caption("These are answered wrongly, the most confident first. Press one.")
    names = short_concepts(learnt.classes)
    rows = [r for r, *_ in wrong]
    clicked = gallery(
        opened,
        rows,
        key="why-wrong",
        captions=[f"{p:.0%} {names[c]}" for _, c, p in wrong],
        size="small",
        page_size=WRONG,
    )
    return _kept(opened, "wrong", clicked, rows[0])


def _any(opened: OpenDataset) -> int | None:
    """The row chosen of all pictures, labelled or not; None until one is."""
    ids = opened.dataset.images["image_id"].astype(str)
    wanted = st.text_input("Part of its name", key=f"why-name-{opened.fingerprint}", placeholder="All pictures")
    rows = np.flatnonzero(ids.str.casefold().str.contains(wanted.strip().casefold(), regex=False))
    if not len(rows):
        st.caption("No picture of this dataset has that in its name.")
        return None
    st.caption(f"{count(len(rows), 'picture')}. Press one.")
    clicked = gallery(opened, rows, key="why-any", size="small", page_size=MATCHES)
    if len(rows) == 1:
        return int(rows[0])
    return _kept(opened, "any", clicked, None)


def _kept(opened: OpenDataset, what: str, clicked: int | None, start: int | None) -> int | None:
    """What was pressed last in this dataset; a row of another one means another picture."""
    key = f"why-{what}-row-{opened.fingerprint}"
    if clicked is not None:
        st.session_state[key] = clicked
    row: int | None = st.session_state.get(key, start)
    return row


def _uploaded(opened: OpenDataset) -> tuple[bytes, NDArray[np.float32], int | None, str | None] | None:
    assert opened.features.pictures is not None
    file = st.file_uploader("A picture that was answered wrongly", type=["jpg", "jpeg", "png", "webp"], key="why-file")
    if file is None:
        return None
    if file.size > UPLOADED_MB * 1_000_000:
        st.error(f"This file is larger than {UPLOADED_MB} MB; make it smaller first.")
        return None
    try:
        picture = imaging.decode(file.getvalue()).rgb
    except imaging.UnreadableImage as error:
        st.error(md(f"This is no picture that can be read: {error}"))
        return None
    spatial = opened.features.pictures.encode_pictures([picture]).spatial
    return imaging.thumbnail(picture), opened.embedder.local_features(spatial)[0], None, None


def _answer(opened: OpenDataset, learnt: why.Learnt, found: why.Why, thumbnail: bytes, name: str) -> None:
    grid, total = learnt.maps.grid, len(found.effect)
    count = int(found.responsible.sum())
    seen, words = st.columns([2, 3], gap="large", vertical_alignment="center")
    with seen:
        st.html(
            f'<img src="{data_uri(outlined(thumbnail, np.flatnonzero(found.responsible).tolist(), grid, side=520))}" '
            'alt="The picture with the places responsible outlined" '
            'style="width:100%;max-height:56vh;object-fit:contain;border-radius:10px">'
        )
    with words:
        if found.score < 0.5 or not count:
            said = f"It does not say {name}: the score is {found.score:.0%}, below one half."
        elif found.after < 0.5:
            said = f"It says {name} ({found.score:.0%}) because of {count} of {total} places."
        else:
            said = f"It says {name} ({found.score:.0%}), and no half of the picture alone is the reason."
        st.html(f'<p class="tde-verdict">{html.escape(plain(said))}</p>')
        if count:
            st.markdown(
                md(
                    f"Without the outlined places the score is {int(100 * found.after)}%; without as many taken at "
                    f"random it is {found.random:.0%}."
                )
            )
        for number, part in enumerate(found.parts, start=1):
            st.markdown(
                md(
                    f"{_title(found, number)}: {part.in_concept:.0%} of the training pictures of {name} have a place "
                    f"like it, {part.in_others:.0%} of the others. "
                    f"{_alone(part.alone)}"
                )
            )
        st.caption(
            "One half is where the classifier, taught equally much with and without the concept, changes its mind."
        )
    for number, part in enumerate(found.parts, start=1):
        _part(opened, learnt, found, part, thumbnail, _title(found, number), name)
    st.markdown(f"**What to do.** Is what they share really {md(name)}? If not, it travels along:")
    st.page_link(
        CHECK_PAGE, label="See what travels with each concept, and try the fix", query_params=link_parameters()
    )


def _alone(points: float) -> str:
    """How much of the score, 0-1, a part makes up by itself."""
    whole = round(100 * points)
    if whole < 1:
        return "It alone changes next to nothing."
    return f"It alone makes up {count(whole, 'point')} of the score."


def _title(found: why.Why, number: int) -> str:
    return f"Part {number}" if len(found.parts) > 1 else "What is outlined"


def _part(
    opened: OpenDataset, learnt: why.Learnt, found: why.Why, part: why.Part, thumbnail: bytes, title: str, name: str
) -> None:
    """One part, and the most similar positives with what is like it outlined."""
    grid = learnt.maps.grid
    rows = learnt.rows[found.nearest]
    st.markdown(f"**{title}, and what is like it in the nearest training pictures of {md(name)}**")
    pictures = [(data_uri(outlined(thumbnail, np.flatnonzero(part.cells).tolist(), grid)), "this picture")]
    ids = opened.dataset.images["image_id"].astype(str)
    for at, row, jpeg in zip(found.nearest, rows, opened.thumbnails(rows), strict=True):
        cells = np.flatnonzero(part.matches[at]).tolist()
        caption = ids.iloc[int(row)].rsplit("/", 1)[-1] if cells else "nothing like it"
        pictures.append((data_uri(outlined(jpeg, cells, grid)), caption))
    tiles(pictures)
