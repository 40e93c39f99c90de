"""What every test shares: hypothesis without deadlines, as the machines of CI are slow and shared.

In CI the examples are the same at every run, so that a change is judged by itself; elsewhere they are new each time.
"""

import os
import signal

from hypothesis import settings

# A shell without a terminal starts background jobs deaf to Ctrl-C, and their children would be so too.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("pellucid", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("pellucid")
