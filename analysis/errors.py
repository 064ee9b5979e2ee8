"""Typed errors. Each message says what went wrong, where, and what to do, in one line."""


class ExplorerError(Exception):
    """Base of every error a person can act on; its text is shown as it is."""


class InputError(ExplorerError):
    """The dataset given cannot be read at all: wrong path, wrong form, nothing in it."""


class PathNotAllowed(InputError):
    """A path outside the allow-listed roots was asked for."""


class ArchiveRefused(InputError):
    """A zip file that is unsafe, too large, or not a zip file."""


class ModelError(ExplorerError):
    """A model cannot be loaded: unknown name, unreachable hub, wrong or damaged weights."""


class StoreError(ExplorerError):
    """The store on disk cannot be read or written."""


class UsageError(ExplorerError):
    """The command line was used wrongly."""


class Cancelled(Exception):
    """Long work was cancelled by the person who started it; not an error."""
