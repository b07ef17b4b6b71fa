"""Policies on disk, and those that ship with the package (data beside the code)."""
