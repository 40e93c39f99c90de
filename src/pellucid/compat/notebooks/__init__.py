"""The modules that the second text's notebooks import: `from common import functions`."""

_HERE = "pellucid.compat.notebooks"

MODULES = {"common": f"{_HERE}.common"}

NOT_PROVIDED = {
    name: "the kind 'book' has it: pellucid compat book SCRIPT"
    for name in ("common.layers", "common.optimizer", "common.gradient", "common.trainer", "common.util", "dataset")
}
