"""Benchmarks: speed of worlds and learners, scores of learning, and comparisons with others."""
