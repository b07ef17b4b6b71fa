"""A policy on film."""
