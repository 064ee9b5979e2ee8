"""Meshes of the pint scene: surfaces of revolution, tubes, flat shapes, written as binary PLY.

Lengths are centimetres; y points up, the bar top is y = 0, the pint stands at the origin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.float64]
Displacement = Callable[[Array, Array], Array]

WALL = 0.24

# Control points (height, radius), both as fractions of the glass height.
_SHAPES: dict[str, list[tuple[float, float]]] = {
    "conical": [(0.0, 0.200), (0.5, 0.245), (1.0, 0.290)],
    "nonic": [
        (0.0, 0.195),
        (0.45, 0.236),
        (0.66, 0.258),
        (0.74, 0.292),
        (0.80, 0.284),
        (0.86, 0.272),
        (1.0, 0.282),
    ],
    "tulip": [(0.0, 0.190), (0.18, 0.188), (0.42, 0.222), (0.66, 0.272), (0.80, 0.284), (1.0, 0.262)],
    "mug": [(0.0, 0.290), (0.06, 0.296), (0.5, 0.300), (1.0, 0.304)],
}
_HEIGHTS = {"conical": 15.2, "nonic": 15.4, "tulip": 16.6, "mug": 14.0}
GLASSES = tuple(_SHAPES)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Vertices, normals, texture coordinates and triangles of one surface."""

    points: Array
    normals: Array
    uv: Array
    faces: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class GlassShape:
    """Outer outline of a drinking glass."""

    kind: str
    height: float
    base: float

    def radius(self, y: Array | float) -> Array:
        """Outer radius at height y."""
        knots = np.array(_SHAPES[self.kind])
        spline = PchipInterpolator(knots[:, 0], knots[:, 1])
        t = np.clip(np.asarray(y, dtype=np.float64) / self.height, 0.0, 1.0)
        out: Array = spline(t) * _HEIGHTS[self.kind]
        return out


def glass_shape(kind: str, scale: float, base: float) -> GlassShape:
    """The outline `kind`, its height scaled, with a solid base that many centimetres thick."""
    return GlassShape(kind, _HEIGHTS[kind] * scale, base)


def grid_mesh(points: Array, closed: bool) -> Mesh:
    """Smooth mesh over a (rows, columns, 3) grid of points; `closed` joins first and last column."""
    rows, cols, _ = points.shape
    index = np.arange(rows * cols).reshape(rows, cols)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, :-1].ravel(), index[1:, 1:].ravel()
    faces = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    flat = points.reshape(-1, 3)
    normals = _vertex_normals(flat, faces).reshape(rows, cols, 3)
    if closed:
        joined = normals[:, 0] + normals[:, -1]
        normals[:, 0] = normals[:, -1] = joined
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    normals = normals / np.maximum(length, 1e-9)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, cols), indexing="ij")
    uv = np.stack([u, v], -1).reshape(-1, 2)
    return Mesh(flat, normals.reshape(-1, 3), uv, faces.astype(np.int32))


def _vertex_normals(points: Array, faces: NDArray[np.int64]) -> Array:
    p0, p1, p2 = (points[faces[:, i]] for i in range(3))
    face_normals = np.cross(p1 - p0, p2 - p0)
    normals = np.zeros_like(points)
    for i in range(3):
        np.add.at(normals, faces[:, i], face_normals)
    return normals


def revolve(profile: Array, segments: int = 96, displace: Displacement | None = None) -> Mesh:
    """Turn a (n, 2) profile of (radius, height), listed bottom to top outside, round the y axis.

    Args:
        profile: outline; the outside of the body must lie to the right when walking along it.
        segments: steps round the axis.
        displace: maps angle and height grids to (rows, columns, 3) offsets: radial, vertical, unused.
    """
    angle = np.linspace(0.0, 2 * np.pi, segments + 1)
    theta, row = np.meshgrid(angle, np.arange(len(profile)), indexing="xy")
    radius, height = profile[row, 0], profile[row, 1]
    if displace is not None:
        offset = displace(theta, height)
        inside = np.clip(radius / 0.5, 0.0, 1.0)
        radius = np.maximum(radius + offset[..., 0] * inside, 0.0)
        height = height + offset[..., 1]
    grid = np.stack([radius * np.cos(theta), height, radius * np.sin(theta)], -1)
    grid[:, -1] = grid[:, 0]
    return grid_mesh(grid, closed=True)


def tube(path: Array, radius: float, segments: int = 20) -> Mesh:
    """A round tube along a (n, 3) path in the plane z = 0 (a mug's handle, a neon sign)."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.array([0.0, 0.0, 1.0])
    up = np.cross(side, tangent)
    angle = np.linspace(0.0, 2 * np.pi, segments + 1)
    ring = np.cos(angle)[None, :, None] * up[:, None] + 1.3 * np.sin(angle)[None, :, None] * side
    return grid_mesh(path[:, None] + radius * ring, closed=True)


def spheres(centres: Array, radii: Array) -> Mesh:
    """Many small low-polygon spheres as one mesh (bubbles, drops)."""
    angle, polar = np.linspace(0, 2 * np.pi, 9), np.linspace(np.pi, 0, 6)
    theta, phi = np.meshgrid(angle, polar)
    unit = np.stack([np.sin(phi) * np.cos(theta), np.cos(phi), np.sin(phi) * np.sin(theta)], -1)
    parts = []
    for centre, radius in zip(centres, radii, strict=True):
        part = grid_mesh(unit * radius + centre, closed=True)
        parts.append(Mesh(part.points, unit.reshape(-1, 3), part.uv, part.faces))
    return join(parts)


def join(parts: list[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0] + [len(p.points) for p in parts[:-1]])
    return Mesh(
        np.concatenate([p.points for p in parts]),
        np.concatenate([p.normals for p in parts]),
        np.concatenate([p.uv for p in parts]),
        np.concatenate([p.faces + s for p, s in zip(parts, starts, strict=True)]).astype(np.int32),
    )


def moved(mesh: Mesh, offset: tuple[float, float, float], turn: float = 0.0) -> Mesh:
    """The mesh turned round the y axis by `turn` radians, then shifted."""
    c, s = np.cos(turn), np.sin(turn)
    matrix = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return Mesh(mesh.points @ matrix.T + np.array(offset), mesh.normals @ matrix.T, mesh.uv, mesh.faces)


def write_ply(mesh: Mesh, path: Path) -> str:
    """Write the mesh as a little-endian binary PLY file and return its name."""
    vertex = np.zeros(len(mesh.points), dtype=[(n, "<f4") for n in ("x", "y", "z", "nx", "ny", "nz", "u", "v")])
    for column, values in zip(vertex.dtype.names or (), np.hstack([mesh.points, mesh.normals, mesh.uv]).T, strict=True):
        vertex[column] = values
    face = np.zeros(len(mesh.faces), dtype=[("count", "u1"), ("index", "<i4", (3,))])
    face["count"], face["index"] = 3, mesh.faces
    fields = "\n".join(f"property float {name}" for name in vertex.dtype.names or ())
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertex)}\n{fields}\n"
        f"element face {len(face)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    path.write_bytes(header.encode() + vertex.tobytes() + face.tobytes())
    return str(path)
