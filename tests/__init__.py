"""The tests. One thread each computes: pictures here are small, and pytest's workers and what they start share the
processors. Set before torch is loaded; what a user has set stays."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
