"""Find what was filled in around a picture: the corners of a turned copy, a frame, the bars beside a film.

Fill is one colour, reaches the border, and leaves a straight-edged, convex rest. Its hard edge is alike in any two
pictures filled alike, whatever they show, so comparing has to look away from it. A white table behind a bottle is one
colour too, but the bottle is not convex to within a hair: such ground stays. OpenCV loads when a function runs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]

SAME: Final = 6  # grey levels from the corner's: what storing a hard edge as a JPEG leaves of one colour
LEAST: Final = 0.01  # of the picture: less cannot mislead
CORNERS: Final = 2  # that are filled: a turn fills four, a bar two; one corner of one colour is a shadow or a wall
MOST: Final = 0.6  # of the picture: more is no frame but the ground
CONCAVE: Final = 0.004  # of the rest, its rim left out, that may be fill: speckles of the same colour
FLAT: Final = (
    10  # grey levels that fill may vary by from one pixel to the next: scenery as gray as the fill varies more
)
MARGIN: Final = 3  # pixels beside the fill that its edge rings into


def content(gray: UInt8) -> Mask | None:
    """What of a gray picture was not filled in, bool (h, w); None where nothing was."""
    import cv2

    height, width = gray.shape
    smooth = cv2.medianBlur(gray, 3)
    corners = ((0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1))
    fill = np.zeros((height, width), dtype=np.uint8)
    filled = 0
    for row, column in corners:
        if fill[row, column]:
            filled += 1
            continue
        mask = np.zeros((height + 2, width + 2), dtype=np.uint8)
        flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
        cv2.floodFill(smooth, mask, (column, row), 0, SAME, SAME, flags)
        found = mask[1:-1, 1:-1]
        if found.sum() >= LEAST * gray.size / 4:
            fill |= found
            filled += 1
    if filled < CORNERS or not LEAST <= float(fill.mean()) <= MOST:
        return None
    rest = cv2.morphologyEx(1 - fill, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    points = cv2.findNonZero(rest)
    if points is None:
        return None
    hull = np.zeros_like(rest)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    size = 2 * MARGIN + 1
    kept = cv2.erode(hull, np.ones((size, size), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    if kept.sum() == 0 or float((kept & fill).sum()) > CONCAVE * float(kept.sum()):
        return None
    return np.asarray(kept > 0)


def extended(gray: UInt8, kept: Mask) -> UInt8:
    """The picture with each filled pixel given the grey of the nearest that was not, so that no edge remains."""
    import cv2

    _, nearest = cv2.distanceTransformWithLabels(
        (~kept).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    grey = np.zeros(int(nearest.max()) + 1, dtype=np.uint8)
    grey[nearest[kept]] = gray[kept]
    return np.asarray(grey[nearest])
