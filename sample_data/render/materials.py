"""Surfaces: beers, glass, foam, bar tops and the things that stand about, as Mitsuba dictionaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mitsuba as mi
import numpy as np

Colour = tuple[float, float, float]
Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Beer:
    """Light that crosses the glass, light scattered back by the beer's haze, and the colour of its foam."""

    through: Colour
    haze: Colour
    haze_share: float
    foam: Colour


BEERS: dict[str, Beer] = {
    "lager": Beer((1.0, 0.63, 0.09), (0.98, 0.55, 0.05), 0.28, (0.94, 0.92, 0.85)),
    "amber": Beer((0.95, 0.36, 0.035), (0.78, 0.26, 0.025), 0.25, (0.93, 0.87, 0.74)),
    "red_ale": Beer((0.66, 0.13, 0.02), (0.38, 0.07, 0.012), 0.20, (0.90, 0.82, 0.67)),
    "stout": Beer((0.045, 0.014, 0.006), (0.016, 0.008, 0.005), 0.25, (0.84, 0.72, 0.54)),
}


def rgb(colour: Colour | np.ndarray) -> Spec:
    """A constant reflectance or colour."""
    return {"type": "rgb", "value": [float(c) for c in colour]}


def bitmap(image: np.ndarray, repeat: float = 1.0) -> Spec:
    """A texture of linear values, (rows, columns, 3) or (rows, columns), repeated over the surface."""
    # Mitsuba lays row 0 at v = 0; ours is the top.
    data = np.ascontiguousarray((image if image.ndim == 3 else image[..., None])[::-1], dtype=np.float32)
    transform = mi.ScalarTransform3f().scale([repeat, repeat])
    return {
        "type": "bitmap",
        "bitmap": mi.Bitmap(data),
        "raw": True,
        "to_uv": transform,
        "wrap_mode": "repeat",
    }


def diffuse(colour: Colour | np.ndarray) -> Spec:
    """A matt surface seen from both sides."""
    return {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": rgb(colour)}}


def glossy(colour: Spec, roughness: float) -> Spec:
    """A varnished surface: `colour` is a texture or an `rgb`."""
    return {
        "type": "twosided",
        "bsdf": {
            "type": "roughplastic",
            "diffuse_reflectance": colour,
            "alpha": roughness,
            "int_ior": 1.45,
            "nonlinear": True,
        },
    }


def metal(roughness: float = 0.2) -> Spec:
    """Brushed steel."""
    return {
        "type": "twosided",
        "bsdf": {
            "type": "roughconductor",
            "alpha": roughness,
            "specular_reflectance": rgb((0.75, 0.74, 0.72)),
        },
    }


def clear_glass(tint: Colour = (1.0, 1.0, 1.0)) -> Spec:
    """Solid glass; `tint` colours what passes each surface."""
    return {"type": "dielectric", "int_ior": 1.5, "ext_ior": 1.0, "specular_transmittance": rgb(tint)}


def beer_body(beer: Beer) -> Spec:
    """The beer in its glass: clear, with a little haze that catches the light."""
    tint = np.sqrt(np.array(beer.through))
    return {
        "type": "blendbsdf",
        "weight": beer.haze_share,
        "clear": {"type": "dielectric", "int_ior": 1.38, "ext_ior": 1.0, "specular_transmittance": rgb(tint)},
        "haze": {"type": "plastic", "diffuse_reflectance": rgb(beer.haze), "int_ior": 1.45},
    }


def wet(surface: Spec, drops: np.ndarray, height: float) -> Spec:
    """The surface with drops of condensation standing on it."""
    return {"type": "bumpmap", "arbitrary": bitmap(drops), "scale": height, "bsdf": surface}


def foam_side(texture: np.ndarray) -> Spec:
    """Foam seen through the wall of the glass: matt with a sharp reflection over it."""
    return {
        "type": "twosided",
        "bsdf": {"type": "plastic", "diffuse_reflectance": bitmap(texture), "int_ior": 1.3},
    }


def foam_top(texture: np.ndarray, cover: np.ndarray | None) -> Spec:
    """The open top of the foam; `cover` has holes where beer shows."""
    surface: Spec = {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": bitmap(texture)}}
    if cover is None:
        return surface
    return {"type": "mask", "opacity": bitmap(cover), "bsdf": surface}
