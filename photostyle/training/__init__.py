"""Training of the embedded networks; used by scripts, never by the package's own commands."""
