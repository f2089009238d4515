"""All proofs by name, in the order of the page."""

from __future__ import annotations

import importlib
from pathlib import Path

from proofs.proof import Proof

# The files that hold proofs, in the order of the page.
FIELDS = ("classic", "text", "series", "dna", "items", "seq2seq", "images")

PROOFS: dict[str, Proof] = {
    proof.name: proof
    for field in FIELDS
    if Path(__file__).with_name(f"{field}.py").exists()
    for proof in importlib.import_module(f"proofs.{field}").PROOFS
}
