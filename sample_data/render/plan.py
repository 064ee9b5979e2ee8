"""What each picture shows: every parameter drawn from the picture's own seed, before anything is rendered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from geometry import GLASSES, GlassShape, glass_shape
from materials import BEERS
from textures import BAR_BACKDROPS, STUDIO_BACKDROPS, TABLES

Rng = np.random.Generator
Vector = tuple[float, float, float]

CONCEPTS = ("perfect_pint", "too_little_head", "too_much_head")
ORIGINS = ("studio", "real_world")
HEAD_RANGES = {"too_little_head": (0.004, 0.045), "perfect_pint": (0.12, 0.22), "too_much_head": (0.36, 0.58)}
PER_CONCEPT = 50
_SEED = 20240


@dataclass(frozen=True, slots=True)
class Head:
    """The pint: what is in the glass. Heights in centimetres above the bar top."""

    concept: str
    fraction: float
    beer_top: float
    head_top: float
    cover: float


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the picture was taken from and how it is framed."""

    origin: Vector
    target: Vector
    roll: float
    fov: float
    aperture: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Finish:
    """What happens to the picture after the lens: exposure, colour, blur, noise, compression."""

    exposure: float
    cast: Vector
    motion: float
    motion_angle: float
    defocus: float
    noise: float
    vignette: float
    contrast: float
    jpeg_quality: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the data set."""

    index: int
    seed: int
    origin: str
    concept: str
    head: Head
    shape: GlassShape
    beer: str
    light: str
    table: str
    backdrop: str
    condensation: float
    facets: int
    handle_angle: float
    clutter: int
    camera: Camera
    finish: Finish
    degradations: tuple[str, ...]

    @property
    def path(self) -> str:
        """Place in the data set: origin / concept / name."""
        prefix = "studio" if self.origin == "studio" else "bar"
        return f"{self.origin}/{self.concept}/{prefix}_{self.index:03d}.jpg"


def plan() -> list[Picture]:
    """All pictures in rendering order: origins and concepts take turns: any first part is balanced."""
    total = PER_CONCEPT * len(CONCEPTS) * len(ORIGINS)
    return [_picture(i) for i in range(total)]


def _picture(index: int) -> Picture:
    origin = ORIGINS[index % 2]
    concept = CONCEPTS[index // 2 % 3]
    turn = index // 6
    rng = np.random.default_rng([_SEED, index])
    # Glasses and beers take turns within each concept, so that neither gives the concept away.
    shape = glass_shape(GLASSES[turn % len(GLASSES)], rng.uniform(0.95, 1.05), rng.uniform(0.9, 1.5))
    beer = list(BEERS)[(turn // len(GLASSES) + turn) % len(BEERS)]
    head = _head(rng, concept, shape)
    facets = int(rng.choice([0, 10, 12])) if shape.kind == "mug" else 0
    build = _studio if origin == "studio" else _bar
    common = {
        "index": index,
        "seed": _SEED + index,
        "origin": origin,
        "concept": concept,
        "head": head,
        "shape": shape,
        "beer": beer,
        "facets": facets,
    }
    return build(rng, common)


def _head(rng: Rng, concept: str, shape: GlassShape) -> Head:
    fraction = float(rng.uniform(*HEAD_RANGES[concept]))
    if concept == "too_little_head":
        fill = rng.uniform(0.86, 0.97)
    elif concept == "perfect_pint":
        fill = rng.uniform(0.93, 1.04)
    else:
        fill = rng.uniform(0.90, 1.06)
    top = shape.height * fill
    beer_top = shape.base + (top - shape.base) * (1 - fraction)
    cover = float(rng.uniform(0.45, 1.0)) if concept == "too_little_head" else 1.0
    return Head(concept, fraction, float(beer_top), float(top), cover)


def _studio(rng: Rng, common: dict[str, object]) -> Picture:
    shape, head = common["shape"], common["head"]
    assert isinstance(shape, GlassShape) and isinstance(head, Head)
    width, height = [(256, 320), (256, 320), (288, 288)][int(rng.integers(3))]
    tall = max(shape.height, head.head_top + 0.5)
    frame = tall / rng.uniform(0.70, 0.80)
    distance = rng.uniform(58, 75)
    eye = rng.uniform(0.42, 0.85) * tall
    middle = tall * rng.uniform(0.47, 0.51)
    x = float(rng.uniform(-0.6, 0.6))
    fov = float(2 * np.degrees(np.arctan(frame / 2 / distance)))
    handle = float(rng.choice([0.0, np.pi]) + rng.uniform(-0.3, 0.3))
    if shape.kind == "mug":
        x += 1.5 * np.cos(handle)
    camera = Camera(
        (x, float(eye), float(distance)),
        (x, float(middle), 0.0),
        0.0,
        fov,
        float(rng.uniform(0.35, 0.8)),
        width,
        height,
    )
    finish = Finish(float(rng.uniform(0.92, 1.08)), (1.0, 1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.12, 1.0, 90)
    return Picture(
        **common,  # type: ignore[arg-type]
        light=str(rng.choice(["key_left", "key_right", "top_soft"])),
        table=str(rng.choice(TABLES)),
        backdrop=str(rng.choice(STUDIO_BACKDROPS)),
        condensation=0.5 * float(rng.choice([0.0, 0.0, rng.uniform(0.4, 1.0)])),
        handle_angle=handle,
        clutter=0,
        camera=camera,
        finish=finish,
        degradations=(),
    )


BAR_LIGHTS = ("flash", "neon", "dim_lamp", "window", "overhead")


def _bar(rng: Rng, common: dict[str, object]) -> Picture:
    shape, head = common["shape"], common["head"]
    assert isinstance(shape, GlassShape) and isinstance(head, Head)
    light = str(rng.choice(BAR_LIGHTS, p=[0.26, 0.24, 0.22, 0.13, 0.15]))
    backdrop = str(rng.choice(BAR_BACKDROPS))
    if light == "neon":
        backdrop = str(rng.choice(["neon", "crowd", "dim_bar"]))
    if light == "window":
        backdrop = str(rng.choice(["window", "brick"]))
    camera = _phone_camera(rng, shape, head)
    finish = _phone_finish(rng, light)
    clutter = int(rng.integers(2, 8))
    return Picture(
        **common,  # type: ignore[arg-type]
        light=light,
        table=str(rng.choice(TABLES)),
        backdrop=backdrop,
        condensation=float(rng.choice([0.0, rng.uniform(0.4, 1.2)])),
        handle_angle=float(rng.uniform(0, 2 * np.pi)),
        clutter=clutter,
        camera=camera,
        finish=finish,
        degradations=_degradations(light, camera, finish, clutter, shape),
    )


def _phone_camera(rng: Rng, shape: GlassShape, head: Head) -> Camera:
    """Draw framings until the whole depth of the head is in the picture."""
    sizes = [(264, 352), (198, 352), (352, 264)]
    for _ in range(500):
        width, height = sizes[int(rng.choice(3, p=[0.5, 0.25, 0.25]))]
        distance, pitch = (
            rng.uniform(26, 62),
            np.radians(rng.choice([rng.uniform(0, 18), rng.uniform(18, 38)])),
        )
        side = np.radians(rng.uniform(-25, 25))
        target = (float(rng.uniform(-5, 5)), float(shape.height * rng.uniform(0.35, 0.9)), 0.0)
        flat = distance * np.cos(pitch)
        eye = (
            float(flat * np.sin(side)),
            float(target[1] + distance * np.sin(pitch)),
            float(flat * np.cos(side)),
        )
        roll = float(rng.choice([rng.uniform(-6, 6), rng.uniform(-25, 25)]))
        camera = Camera(eye, target, roll, float(rng.uniform(30, 52)), 0.12, width, height)
        if _head_in_view(camera, shape, head):
            return camera
    raise RuntimeError("no framing shows the head")


def project(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Picture coordinates of (n, 3) points: x and y in -1..1 across the frame, y up."""
    eye, target = np.array(camera.origin), np.array(camera.target)
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    roll = np.radians(camera.roll)
    right, up = np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right
    delta = points - eye
    depth = delta @ forward
    scale = np.tan(np.radians(camera.fov / 2)) * depth
    longest = max(camera.width, camera.height)
    x, y = delta @ right / scale * longest / camera.width, delta @ up / scale * longest / camera.height
    return np.stack([x, y], -1)


def _head_in_view(camera: Camera, shape: GlassShape, head: Head) -> bool:
    radius = float(shape.radius(head.beer_top))
    eye = np.array(camera.origin)
    across = np.array((eye[2], 0.0, -eye[0])) / np.hypot(eye[0], eye[2])
    rows = []
    for y in (head.beer_top - 1.0, max(head.head_top, shape.height) + 0.3):
        rows += [np.array((0, y, 0)) + across * radius * s for s in (-1.0, -0.5, 0.5, 1.0)]
    seen = project(camera, np.array(rows))
    inside = (np.abs(seen) < 0.96).all(axis=1)
    upper, lower = inside[4:], inside[:4]
    enough = min(upper.sum(), lower.sum()) >= 3 and upper[1:3].all() and lower[1:3].all()
    foot = project(camera, np.array([(0.0, 0.0, 0.0), (0.0, shape.height, 0.0)]))
    pixels = np.linalg.norm((foot[1] - foot[0]) * (camera.width, camera.height)) / 2
    visible_foot = foot[0, 1] > -1.5
    return bool(enough and visible_foot and 0.52 < pixels / max(camera.width, camera.height) < 0.95)


def _phone_finish(rng: Rng, light: str) -> Finish:
    cast = np.exp(rng.normal(0, 0.13, 3)) * np.array([1.12, 1.0, 0.88] if rng.random() < 0.5 else [0.95, 1.0, 1.08])
    dark = rng.uniform(0.42, 0.85) if light in ("neon", "dim_lamp") else rng.uniform(0.5, 1.4)
    return Finish(
        exposure=float(dark),
        cast=tuple(float(c) for c in cast / cast.mean()),  # type: ignore[arg-type]
        motion=float(rng.choice([0.0, 0.0, rng.uniform(3, 8.5)])),
        motion_angle=float(rng.uniform(0, 180)),
        defocus=float(rng.choice([0.0, 0.0, rng.uniform(0.5, 1.3)])),
        noise=float(rng.choice([rng.uniform(0.006, 0.018), rng.uniform(0.025, 0.05)])),
        vignette=float(rng.uniform(0.0, 0.5)),
        contrast=float(rng.uniform(0.85, 1.3)),
        jpeg_quality=int(rng.integers(25, 46)),
    )


def _degradations(light: str, camera: Camera, finish: Finish, clutter: int, shape: GlassShape) -> tuple[str, ...]:
    height = camera.origin[1] - camera.target[1]
    run = np.hypot(camera.origin[0], camera.origin[2])
    edge = project(camera, np.array([(0.0, 0.0, 0.0)]))[0]
    tests = {
        "flash": light == "flash",
        "coloured_light": light == "neon",
        "dark": finish.exposure < 0.6,
        "overexposed": finish.exposure > 1.15,
        "tilted": abs(camera.roll) > 6,
        "from_above": np.degrees(np.arctan2(height, run)) > 20,
        "cropped": bool((np.abs(edge) > 0.97).any()),
        "cluttered": clutter >= 3,
        "motion_blur": finish.motion > 0,
        "out_of_focus": finish.defocus > 0,
        "noise": finish.noise > 0.02,
        "strong_jpeg": True,
    }
    return tuple(name for name, present in tests.items() if present)
