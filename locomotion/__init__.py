"""Experiments: what ties a world to a learner."""
