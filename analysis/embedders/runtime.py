"""ONNX Runtime sessions, set up the way that measured fastest for many small pictures on few cores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analysis.errors import ModelError


def session(path: Path, threads: int = 1) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU.

    One thread inside the session: the ingest's own threads each call it at once, which beats a session that
    spreads one picture over all cores (docs/decisions/004).

    Raises:
        ModelError: the file is not a readable ONNX model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises unrelated types of its own for a damaged file
        raise ModelError(f"The model file {path} cannot be loaded: delete its folder to make it anew.") from error
