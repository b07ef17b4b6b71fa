"""Videos of policies: players, pictures, files."""
