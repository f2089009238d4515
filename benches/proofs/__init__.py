"""Proofs that models learn: classic tasks and real data, each with its floor, its published figure and ours.

`proof` says what one is, `run` runs them seed by seed and writes records, `page` makes docs/results.md of the records.
Each other file holds the proofs of one field. Nothing here is part of the tests: a proof may take many minutes.
"""
