"""What every test shares: hypothesis without deadlines, as the machines of CI are slow and shared.

In CI the examples are the same at every run, so that a change is judged by itself; elsewhere they are new each time.
"""

import os

from hypothesis import settings

settings.register_profile("pellucid", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("pellucid")
