"""Every number of one forward and backward pass and of an update, by name; as text and as a page."""

from pellucid.trace.html import Subject, as_html
from pellucid.trace.run import trace
from pellucid.trace.structure import LayerTrace, Trace, Update
from pellucid.trace.text import as_text

__all__ = ["LayerTrace", "Subject", "Trace", "Update", "as_html", "as_text", "trace"]
