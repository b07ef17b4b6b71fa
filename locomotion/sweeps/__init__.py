"""Sweeps over gamma and lambda: which cells, trained where, and what their rows show."""
