"""Sentence vectors from the exported MiniLM, on ONNX Runtime and tokenizers alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from analysis.embedders.base import Float32
from analysis.embedders.runtime import session

MAX_TOKENS: Final = 64
BATCH: Final = 64


class SentenceEncoder:
    """Mean-pooled MiniLM (Reimers & Gurevych 2019; all-MiniLM-L6-v2), 384 dimensions."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._session = session(folder / "text.onnx", threads=2)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_length=MAX_TOKENS)
        self._tokenizer.enable_padding()

    def encode(self, texts: Sequence[str]) -> Float32:
        """Float32 (n, 384), L2-normalised. Texts beyond 64 tokens are cut."""
        out = [np.zeros((0, 384), dtype=np.float32)]
        for start in range(0, len(texts), BATCH):
            encoded = self._tokenizer.encode_batch(list(texts[start : start + BATCH]))
            ids = np.array([e.ids for e in encoded], dtype=np.int64)
            mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
            out.append(self._session.run(None, {"ids": ids, "mask": mask})[0])
        return np.concatenate(out)
