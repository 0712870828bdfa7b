"""Proofs P1 to P5 of the books."""
