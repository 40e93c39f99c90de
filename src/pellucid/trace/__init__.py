"""Every number of one forward and backward pass and of an update, by name.

As text: `str(trace)`. As a page: `pellucid.trace.html.as_html`, which `import pellucid` need not pay for.
"""

from pellucid.trace.run import trace
from pellucid.trace.structure import LayerTrace, Trace, Update

__all__ = ["LayerTrace", "Trace", "Update", "trace"]
