"""Whole tasks on files: read, fit, apply, write. They return or raise; only the command line talks."""
