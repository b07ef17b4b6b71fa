"""What is asked for and where it is kept: settings, recipes and a run's folder."""
