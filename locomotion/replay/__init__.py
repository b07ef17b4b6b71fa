"""The step in which a simulation blew up, taken again: which quantity went first, in words and pictures."""
