"""Loading open_clip weights: what the name means, from this machine or the hub, and what to say when it fails.

What is on this machine is tried first, without a single network call; the model hub is asked only for what is
missing, and only if it answers within seconds (its own client retries for 20 to 70 s when it does not).
Checkpoints are read as plain weights: a file that would run code is refused.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import pickle
import re
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from analysis.errors import ModelError

PREFIX: Final = "open_clip:"
HUB_PREFIX: Final = "hf-hub:"
EXAMPLE: Final = "open_clip:ViT-B-32/laion2b_s34b_b79k"
HUB_SECONDS: Final = 5.0
"""How long the model hub may take to answer at all before it counts as out of reach."""

_PREPROCESSING: Final = ("mean", "std", "interpolation", "resize_mode")
OFFLINE_CHOICE: Final = (
    "use the bundled model (--model bundled), or a checkpoint file you have: open_clip:ARCH/path/to/file.pt"
)
_PATH_ENDINGS: Final = (".pt", ".pth", ".bin", ".safetensors", ".ckpt", ".npz", ".npy")

_MISSING: Final = (
    "Failed to download",  # open_clip, for a tag
    "Failed initial config",  # open_clip, for hf-hub:
    "could not be loaded",  # open_clip, for hf-hub: with no weights in the cache
    "couldn't connect",  # transformers, for tokenizers and text towers
)
_DAMAGED: Final = ("PytorchStreamReader", "corrupt", "EOF")  # of torch's RuntimeErrors
_UNREADABLE: Final[dict[type[Exception], str]] = {
    pickle.UnpicklingError: "it is no file of plain weights",  # garbage, text, or code that would run
    EOFError: "it is empty",
    StopIteration: "it is empty",
    AttributeError: "it holds something else",  # a list, a single tensor
    OSError: "",
    ValueError: "",
    TypeError: "",
}
_UNFIT: Final = (RuntimeError, AssertionError, KeyError)  # other names, other sizes, another position table


@dataclass(frozen=True, slots=True)
class Spec:
    """What to load: `arch` as open_clip takes it; either a published `tag`, or a checkpoint `file`, or neither
    (a hub repository, which brings both)."""

    text: str
    arch: str
    tag: str | None = None
    file: Path | None = None


def parse_spec(spec: str) -> Spec:
    """What a name after `open_clip:` means; nothing is loaded.

    Raises:
        ModelError: an unknown architecture or tag, no such file.
    """
    import open_clip

    if spec.startswith(HUB_PREFIX):
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", spec.removeprefix(HUB_PREFIX)):
            raise ModelError(f"{PREFIX}{spec} names no repository: write {PREFIX}{HUB_PREFIX}organisation/name.")
        return Spec(spec, spec)
    arch, slash, weights = spec.partition("/")
    if not (arch and slash and weights):
        raise ModelError(f"{PREFIX}{spec} is incomplete: write {PREFIX}ARCH/PRETRAINED, such as {EXAMPLE}.")
    if arch not in open_clip.list_models():
        raise ModelError(f"open_clip has no architecture {arch!r}{_close(arch, open_clip.list_models())}.")
    if open_clip.is_pretrained_cfg(arch, weights):
        return Spec(spec, arch, tag=weights)
    return Spec(spec, arch, file=_checkpoint(arch, weights))


def _checkpoint(arch: str, weights: str) -> Path:
    import open_clip

    path = Path(weights).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise ModelError(f"{path} is a folder: name the checkpoint file in it.")
    if "/" in weights or weights.endswith(_PATH_ENDINGS):
        raise ModelError(f"There is no checkpoint file {path.absolute()}: check the path after {PREFIX}{arch}/.")
    tags = open_clip.list_pretrained_tags_by_model(arch)
    known = f"; published weights: {', '.join(tags[:6])}{' …' if len(tags) > 6 else ''}" if tags else ""
    raise ModelError(f"{arch} has no published weights {weights!r}, and there is no such file{known}.")


def _close(name: str, names: Sequence[str]) -> str:
    by_lower = {n.lower(): n for n in names}
    close = [by_lower[n] for n in get_close_matches(name.lower(), by_lower, n=4, cutoff=0.5)]
    return f"; close names: {', '.join(close)}" if close else f": write {PREFIX}ARCH/PRETRAINED, such as {EXAMPLE}"


def load_weights(spec: Spec) -> tuple[Any, Any, Any]:
    """Tokenizer, model (on the CPU) and evaluation transform: from this machine if possible, else with the hub.

    Raises:
        ModelError: the hub is out of reach, or the weights are damaged or of another architecture.
    """
    with _quiet(), _hub_switched_off() as already_off:
        try:
            return _create(spec)
        except _NotHere:
            if already_off:
                raise _unreachable(spec, "the model hub is switched off by HF_HUB_OFFLINE") from None
    if not _hub_answers():
        raise _unreachable(spec, "no connection to the model hub")
    with _quiet():
        try:
            return _create(spec)
        except _NotHere as error:
            raise _unreachable(spec, f"the model hub says: {_one_line(error)}") from error


class _NotHere(Exception):
    """Something has to come from the hub and did not."""


def _loading_errors() -> tuple[type[Exception], ...]:
    from safetensors import SafetensorError

    return (*_UNFIT, *_UNREADABLE, SafetensorError)


def _create(spec: Spec) -> tuple[Any, Any, Any]:
    """Tokenizer first: it is the cheap way to learn that something is missing."""
    import open_clip

    try:
        tokenizer = open_clip.get_tokenizer(spec.arch)
    except (OSError, ValueError, RuntimeError) as error:  # transformers: OSError; a broken cached file: ValueError
        raise _NotHere(_one_line(error)) from error
    try:
        model, transform = open_clip.create_model_from_pretrained(
            spec.arch, pretrained=str(spec.file) if spec.file else spec.tag, weights_only=True, **_options(spec)
        )
    except _loading_errors() as error:
        raise _explained(spec, error) from error
    return tokenizer, model, transform


def _options(spec: Spec) -> dict[str, Any]:
    """What open_clip leaves to its caller.

    For a tag: the activation it was trained with (open_clip only warns and then gives wrong vectors). For a
    file: the preprocessing that all published weights of the architecture share, if they do; open_clip would
    take that of the first CLIP for all, which is wrong for SigLIP, for example.
    """
    import open_clip

    if spec.tag is not None:
        return {"force_quick_gelu": bool(open_clip.get_pretrained_cfg(spec.arch, spec.tag).get("quick_gelu"))}
    if spec.file is None:
        return {}
    published = [
        {key: open_clip.get_pretrained_cfg(spec.arch, tag).get(key) for key in _PREPROCESSING}
        for tag in open_clip.list_pretrained_tags_by_model(spec.arch)
    ]
    if not published or any(p != published[0] for p in published):
        return {}
    return {f"image_{key}": value for key, value in published[0].items() if value is not None}


def _explained(spec: Spec, error: Exception) -> Exception:
    """The sentence for what went wrong while a model was built and its weights were read."""
    text = str(error)
    if any(sign in text for sign in _MISSING):
        return _NotHere(_one_line(error))
    source = f"The checkpoint {spec.file}" if spec.file else f"What the hub gave for {PREFIX}{spec.text}"
    if "TorchScript" in text:
        return ModelError(f"{source} is a TorchScript program, not weights: save its state_dict and use that file.")
    if not isinstance(error, _UNFIT) or any(sign in text for sign in _DAMAGED):
        why = _UNREADABLE.get(type(error)) or _one_line(error, 60)
        return ModelError(f"{source} is damaged or holds no weights ({why}): get it again, or use --model bundled.")
    return ModelError(f"{source} does not fit the architecture {spec.arch}: name the architecture it was saved from.")


def _unreachable(spec: Spec, reason: str) -> ModelError:
    if spec.file is None:
        return ModelError(f"{PREFIX}{spec.text} cannot be downloaded ({reason}): {OFFLINE_CHOICE}")
    return ModelError(
        f"The part of {spec.arch} that reads words cannot be downloaded ({reason}): use the bundled model "
        "(--model bundled), or an architecture that brings its own, such as ViT-B-32."
    )


def _one_line(error: BaseException, limit: int = 200) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:limit]


_HUB_LOCK: Final = threading.Lock()


@contextlib.contextmanager
def _hub_switched_off() -> Iterator[bool]:
    """While inside, the hub's client looks into its cache only. Yields whether it was off anyway."""
    from huggingface_hub import constants

    with _HUB_LOCK:
        before = constants.HF_HUB_OFFLINE
        constants.HF_HUB_OFFLINE = True
        try:
            yield before
        finally:
            constants.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """open_clip logs to the root logger, which would print to the terminal if nobody listens."""
    silent, root = logging.NullHandler(), logging.getLogger()
    root.addHandler(silent)
    try:
        yield
    finally:
        root.removeHandler(silent)


def _hub_answers() -> bool:
    """Whether the hub answers in `HUB_SECONDS`; in a thread, since looking up a name cannot be timed out."""
    answers = threading.Event()

    def ask() -> None:
        if _is_reached():
            answers.set()

    asking = threading.Thread(target=ask, name="ask-hub", daemon=True)
    asking.start()
    asking.join(HUB_SECONDS + 1.0)
    return answers.is_set()


def _is_reached() -> bool:
    from huggingface_hub import constants

    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")  # noqa: S310 -- the hub's own address
    try:
        with urllib.request.urlopen(request, timeout=HUB_SECONDS):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True  # it said something
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # likewise; the hub's client has certificates of its own
    except (OSError, http.client.HTTPException, ValueError):
        return False
