"""One photo's way from files to files: read, find regions, fit, apply, write. Returns or raises, never prints.

Imports what lies below (`methods`, `evaluate`, `transfer`, `segmentation`, `io`, …); `video`, `batch`, `web` and `cli`
build on it, and it knows none of them.
"""
