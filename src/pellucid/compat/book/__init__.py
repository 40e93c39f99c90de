"""Deep Learning from Scratch (K. Saitoh, 2016): the names of the book's own code, on Pellucid's engines.

`common` and `dataset` are the book's packages; `ch04.two_layer_net`, `ch05.two_layer_net`, `ch07.simple_convnet` and
`ch08.deep_convnet` its chapters' networks, `ch05.layer_naive` the apple shop's layers, and `layer_net.LayerNet` the
first text's network.
"""

from pellucid.compat.book.recognise import beside

MODULES = {"common": "pellucid.compat.book.common", "dataset": "pellucid.compat.book.dataset"}
"""A script's names and ours; what lies below a package follows it."""

NOT_PROVIDED: dict[str, str] = {}
"""Names that we do not have, with what to use instead."""

__all__ = ["MODULES", "NOT_PROVIDED", "beside"]
