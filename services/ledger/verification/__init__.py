"""The hash chain recomputed from what is stored."""
