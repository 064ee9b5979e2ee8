"""Progress and cancellation of long work, without threads, bars or widgets."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called by long work after each step.

    `done` and `total` count in the unit of the work (usually images); `note` is a short text for a
    person. The call may raise `analysis.errors.Cancelled`; work must then stop, keeping what it finished.
    """

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Report a step."""
        ...


def no_progress(done: int, total: int, note: str = "") -> None:
    """Report nothing, never cancel."""


def no_tick() -> None:
    """What inner loops call now and then by default: neither count nor cancel."""


def scaled(progress: Progress, start: float, stop: float, steps: int = 1000) -> Progress:
    """Map a step's own 0..total onto the share `start`..`stop` of a longer piece of work."""

    def inner(done: int, total: int, note: str = "") -> None:
        share = start + (stop - start) * (done / total if total else 1.0)
        progress(round(share * steps), steps, note)

    return inner
