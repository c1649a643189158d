"""Scripts that measure; each says at its head what. RESULTS.md is what they found."""

import os

# As in a run of the app: threads that spin while they wait starve each other on a machine with other work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
