"""Policies on disk, and the policies that ship with the package (data beside the code)."""
