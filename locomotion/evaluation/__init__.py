"""Scores of policies, statistics over a few seeds, and the list of robots."""
