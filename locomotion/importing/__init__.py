"""Policies of others come in: weights alone, nothing that they bring is run."""
