"""How good a policy is, and what a few seeds tell."""
