"""FASTA and GenBank, and windows of a genome that code or do not."""

from __future__ import annotations

import gzip
import io
import re
import time
from typing import Any

import pytest

from rustlstm.datasets import coding_windows, read_fasta, read_genbank, reverse_complement

pytestmark = pytest.mark.once

BASES = "ATGAAACCCGGGTTTTAAGCGCATTCACATATATATGCCC"  # 40 of them; CDS 1..18 forward, and 22..27 on the other strand

RECORD = f"""LOCUS       TINY          {len(BASES)} bp    DNA   circular  BCT       03-SEP-1998
DEFINITION  A tiny genome,
            in two lines.
FEATURES             Location/Qualifiers
     source          1..40
     CDS             <1..18
                     /gene="abc"
                     /product="a long
                     name, ""so called"" once"
                     /note="not
                     /a qualifier"
                     /translation="MKP
                     GF"
     CDS             complement(22..27)
     gene            join(1..3,
                     7..9)
     misc            complement(join(1..3,7..9))
     misc            join(complement(7..9),complement(1..3))
     misc            5
     misc            order(1..2,4..>5)
ORIGIN      some text
        1 {BASES[:10].lower()} {BASES[10:20].lower()}
       21 {BASES[20:30].lower()} {BASES[30:].lower()}
//
"""


def genbank(text: str = RECORD) -> Any:
    return read_genbank(io.StringIO(text))


def test_genbank() -> None:
    (genome,) = genbank()
    assert genome.name == "TINY" and genome.sequence == BASES and repr(genome) == "Genome(TINY, 40 bases, 8 features)"
    assert [feature.kind for feature in genome.features] == ["source", "CDS", "CDS", "gene", *["misc"] * 4]
    assert genome.features[1].qualifiers == {
        "gene": "abc",
        "product": 'a long name, "so called" once',
        "note": "not /a qualifier",
        "translation": "MKPGF",
    }
    assert [feature.parts for feature in genome.features[1:]] == [
        ((0, 18, 1),),
        ((21, 27, -1),),
        ((0, 3, 1), (6, 9, 1)),
        ((6, 9, -1), (0, 3, -1)),
        ((6, 9, -1), (0, 3, -1)),
        ((4, 5, 1),),
        ((0, 2, 1), (3, 5, 1)),
    ]
    assert genome.read(genome.features[2]) == reverse_complement(BASES[21:27])
    assert genome.read(genome.features[3]) == "ATGCCC" and genome.read(genome.features[4]) == "GGGCAT"


def test_several_records_and_a_gzip() -> None:
    packed = gzip.compress((RECORD + "\n" + RECORD.replace("TINY", "TWIN")).encode())
    assert [genome.name for genome in read_genbank(io.BytesIO(packed))] == ["TINY", "TWIN"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (RECORD, "", "the file: expected a line LOCUS, the file is empty"),
        (RECORD, ">one\nACGT\n", "the file, line 1: expected a line LOCUS, got '>one'"),
        ("40 bp", "many bp", "line 1: expected LOCUS, a name, a number and 'bp'"),
        ("40 bp", "41 bp", "line 24: expected 41 bases, as LOCUS says, got 40"),
        ("//\n", "", "line 23: expected a line //, the file is cut off"),
        ("atgaaacccg", "atgaa1cccg", "line 22: expected a number and bases, got '1 atgaa1cccg"),
        ("1..18", "1..41", "line 6: expected a place within 1..40, got 1..41"),
        ("1..18", "9..3", "line 6: expected a place within 1..40, got 9..3"),
        ("1..18", "0..3", "line 6: expected a place within 1..40, got 0..3"),
        ("<1..18", "X1.2:1..18", "join(1..3,7..9), got 'X1.2:1..18'"),
        ("<1..18", "complement(" * 9000 + "1" + ")" * 9000, "line 6: expected a place as"),
        ("<1..18", "join(1..2", "line 6: expected a place as"),
        ("     source ", "  source    ", "line 5: expected a feature, its name from the sixth letter on"),
        ("     source          1..40\n     CDS ", "         ", "line 5: expected a feature"),
    ],
)
def test_refused(old: str, new: str, says: str) -> None:
    assert old in RECORD
    with pytest.raises(ValueError, match=re.escape(says)):
        genbank(RECORD.replace(old, new))


def test_fasta() -> None:
    text = ">one a note\r\nACGT\r\nacgu\r\n\r\n; a comment\r\n>two\r\nMKV*\r\n>none\r\n"
    assert read_fasta(io.StringIO(text)) == {"one": "ACGTacgu", "two": "MKV*", "none": ""}
    for bad, says in [
        ("", "the file: expected sequences with a line '>' and a name before each, there are none"),
        ("ACGT\n", "line 1: expected a line that begins with '>', got 'ACGT'"),
        (">a\nAC1\n", "line 2: expected letters of a sequence, got 'AC1'"),
        (">a\n>a\n", "line 2: expected a name of its own behind '>', got 'a'"),
        ("> \n", "line 1: expected a name of its own behind '>', got ''"),
    ]:
        with pytest.raises(ValueError, match=re.escape(says)):
            read_fasta(io.StringIO(bad))


def test_both_strands() -> None:
    assert reverse_complement("AACGTN") == "NACGTT" and reverse_complement("acgu") == "acgt"
    (genome,) = genbank()
    windows = coding_windows(genome, 6)
    # 0, 6 and 12 lie in the first coding sequence; 18 and 24 partly, 30 not in one.
    assert windows.start.tolist() == [0, 0, 6, 6, 12, 12]
    assert windows.y.tolist() == [1, 0] * 3
    assert windows.x[:2] == ["ATGAAA", "TTTCAT"]
    finer = coding_windows(genome, 3, stride=1)
    backward = [(x, y) for x, y, start in zip(*finer, strict=True) if start == 21]
    assert sorted(backward) == sorted([(BASES[21:24], 0), (reverse_complement(BASES[21:24]), 1)])
    assert {start for start in finer.start.tolist() if start > 15} == {21, 22, 23, 24}


def test_between_genes() -> None:
    (genome,) = genbank()
    windows = coding_windows(genome, 6, against="between")
    found = list(zip(windows.start.tolist(), windows.x, windows.y.tolist(), strict=True))
    assert found == [
        (0, "ATGAAA", 1),
        (6, "CCCGGG", 1),
        (12, "TTTTAA", 1),
        (21, reverse_complement(BASES[21:27]), 1),
        (30, BASES[30:36], 0),
    ]
    text = RECORD.replace('/gene="abc"', "/codon_start=2")
    shifted = coding_windows(genbank(text)[0], 6, stride=4, against="between")
    assert shifted.start.tolist()[:2] == [1, 7] and shifted.x[0] == BASES[1:7]


def test_a_frame_that_is_none() -> None:
    (genome,) = genbank(RECORD.replace('/gene="abc"', "/codon_start=x"))
    with pytest.raises(ValueError, match="codon_start of a CDS must be '1' or '2' or '3', got 'x'"):
        coding_windows(genome, 6, against="between")


def test_long_files_take_time_in_proportion() -> None:
    line = "                     abc\n"
    text = RECORD.replace("                     name,", line * 100_000 + "                     name,")
    begin = time.perf_counter()
    assert len(genbank(text)[0].features[1].qualifiers["product"]) > 400_000
    assert time.perf_counter() - begin < 5  # 0.2 s; minutes if each line looked at all before it


def test_windows_of_nothing() -> None:
    (genome,) = genbank()
    windows = coding_windows(genome, 99)
    assert windows.x == [] and windows.y.shape == windows.start.shape == (0,)
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        coding_windows(genome, 0)
    with pytest.raises(ValueError, match="against must be 'other strand' or 'between', got 'all'"):
        coding_windows(genome, against="all")
