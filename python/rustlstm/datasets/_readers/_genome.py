"""Sequences of bases, with what lies where in them: FASTA and GenBank."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ._files import Source, fault, lines

_COMPLEMENT = str.maketrans("ACGTURYSWKMBDHVNacgturyswkmbdhvn", "TGCAAYRSWMKVHDBNtgcaayrswmkvhdbn")
_PROTEIN = re.compile(r"[A-Za-z*.\-]+")
_BASES = re.compile("[ACGTURYSWKMBDHVN]+")
_SPAN = re.compile(r"<?(\d+)(?:\.\.>?(\d+))?>?")


@dataclass(frozen=True)
class Feature:
    """Something that lies on a genome.

    Attributes:
        kind: as "CDS", "gene" or "tRNA".
        parts: (start, end, strand) of each part in the order of reading: ``sequence[start:end]``, from 0, read
            backwards on the other strand where strand is -1.
        qualifiers: what is known of it, as "gene" and "product".
    """

    kind: str
    parts: tuple[tuple[int, int, int], ...]
    qualifiers: dict[str, str]


@dataclass(frozen=True)
class Genome:
    """A sequence of bases with features.

    Attributes:
        name: of the record.
        sequence: its bases, in capital letters.
        features: in the order of the file.
    """

    name: str
    sequence: str
    features: tuple[Feature, ...]

    def read(self, feature: Feature) -> str:
        """Return the bases of a feature as they are read, its parts joined."""
        return "".join(
            self.sequence[start:end] if strand > 0 else reverse_complement(self.sequence[start:end])
            for start, end, strand in feature.parts
        )

    def __repr__(self) -> str:
        return f"Genome({self.name}, {len(self.sequence)} bases, {len(self.features)} features)"


def reverse_complement(bases: str) -> str:
    """Return what is on the other strand, as it is read there.

    >>> reverse_complement("ATGCC")
    'GGCAT'
    """
    return bases.translate(_COMPLEMENT)[::-1]


def read_fasta(source: Source, *, encoding: str = "utf-8") -> dict[str, str]:
    r"""Return the sequences of a FASTA file by name, which is the first word behind ">"; a gzip is unpacked.

    >>> import io
    >>> read_fasta(io.StringIO(">one first of all\nACGT\nAC\n>two\nGG\n"))
    {'one': 'ACGTAC', 'two': 'GG'}
    """
    found: dict[str, list[str]] = {}
    parts: list[str] | None = None
    for number, line in lines(source, encoding):
        text = line.strip()
        if text.startswith(">"):
            name = (text[1:].split() or [""])[0]
            if not name or name in found:
                raise fault(source, number, f"expected a name of its own behind '>', got {name[:40]!r}")
            parts = found[name] = []
        elif text and not text.startswith(";"):
            if parts is None:
                raise fault(source, number, f"expected a line that begins with '>', got {text[:40]!r}")
            if not _PROTEIN.fullmatch(text):
                raise fault(source, number, f"expected letters of a sequence, got {text[:40]!r}")
            parts.append(text)
    if not found:
        raise fault(source, None, "expected sequences with a line '>' and a name before each, there are none")
    return {name: "".join(parts) for name, parts in found.items()}


def read_genbank(source: Source, *, encoding: str = "utf-8") -> list[Genome]:
    """Return the records of a GenBank file, each with its bases and features; a gzip is unpacked.

    Of a record its name, its bases, and the places and qualifiers of its features are read, and nothing else. "<" and
    ">" at the ends of a place, which say that it goes on beyond, are left out.
    """
    records = []
    numbered = lines(source, encoding)
    for number, line in numbered:
        if line.startswith("LOCUS"):
            records.append(_record(source, number, line, numbered))
        elif line.strip():
            raise fault(source, number, f"expected a line LOCUS, got {line[:40]!r}")
    if not records:
        raise fault(source, None, "expected a line LOCUS, the file is empty")
    return records


def _record(source: Source, number: int, locus: str, numbered: Iterator[tuple[int, str]]) -> Genome:
    words = locus.split()
    if len(words) < 4 or not re.fullmatch("[0-9]{1,12}", words[2]) or words[3] != "bp":
        raise fault(source, number, f"expected LOCUS, a name, a number and 'bp', got {locus[:60]!r}")
    features: list[tuple[int, str, list[str]]] = []  # line, kind, and the text behind: place, then qualifiers
    bases: list[str] = []
    section = ""
    for number, line in numbered:
        if line.startswith("//"):
            break
        if line[:1].strip():
            section = line.split()[0]
        elif section == "ORIGIN":
            bases.append(_bases(source, number, line))
        elif section == "FEATURES" and line.strip():
            if line[:5].strip() or (not line[5:21].strip() and not features):
                raise fault(source, number, f"expected a feature, its name from the sixth letter on, got {line[:40]!r}")
            if line[5:21].strip():
                features.append((number, line[5:21].strip(), [line[21:].strip()]))
            else:
                features[-1][2].append(line[21:].strip())
    else:
        raise fault(source, number, "expected a line //, the file is cut off")
    sequence = "".join(bases)
    if len(sequence) != int(words[2]):
        raise fault(source, number, f"expected {words[2]} bases, as LOCUS says, got {len(sequence)}")
    placed = (_feature(source, at, kind, texts, len(sequence)) for at, kind, texts in features)
    return Genome(words[1], sequence, tuple(placed))


def _bases(source: Source, number: int, line: str) -> str:
    place, *groups = line.split() or ["0"]
    found = "".join(groups).upper()
    if not place.isdecimal() or not (_BASES.fullmatch(found) or not found):
        raise fault(source, number, f"expected a number and bases, got {line.strip()[:40]!r}")
    return found


def _feature(source: Source, number: int, kind: str, texts: list[str], extent: int) -> Feature:
    """Return a feature from the text of its lines."""
    place: list[str] = []
    qualifiers: list[list[str]] = []
    quoted = False
    for text in texts:
        if text.startswith("/") and not quoted:
            qualifiers.append([text[1:]])
        else:
            (qualifiers[-1] if qualifiers else place).append(text)
        quoted ^= bool(qualifiers) and text.count('"') % 2 == 1
    parts = _parts(source, number, "".join(place), 0)
    for start, end, _ in parts:
        if not 0 <= start < end <= extent:
            raise fault(source, number, f"expected a place within 1..{extent}, got {start + 1}..{end}")
    # A protein is broken anywhere, words between two.
    joined = (("" if written[0].startswith("translation=") else " ").join(written) for written in qualifiers)
    named = (qualifier.partition("=") for qualifier in joined)
    return Feature(kind, tuple(parts), {name: value.strip('"').replace('""', '"') for name, _, value in named})


def _parts(source: Source, number: int, place: str, depth: int) -> list[tuple[int, int, int]]:
    """Return the parts that a place names, in the order of reading."""
    operator, _, rest = place.partition("(")
    if operator in ("complement", "join", "order") and rest.endswith(")") and depth < 10:
        inner = [part for each in _split(rest[:-1]) for part in _parts(source, number, each, depth + 1)]
        if operator == "complement":
            return [(start, end, -strand) for start, end, strand in reversed(inner)]
        return inner
    span = _SPAN.fullmatch(place)
    if span is None or len(place) > 40:
        raise fault(
            source, number, f"expected a place as 1..9, complement(1..9) or join(1..3,7..9), got {place[:40]!r}"
        )
    first = int(span[1])
    return [(first - 1, int(span[2] or first), 1)]


def _split(places: str) -> list[str]:
    """Return what is between the commas that are not within brackets."""
    found, begin, depth = [], 0, 0
    for at, letter in enumerate(places):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append(places[begin:at])
            begin = at + 1
    return [*found, places[begin:]]
