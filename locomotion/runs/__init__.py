"""Settings, recipes, update rules, and the folder of a run."""
