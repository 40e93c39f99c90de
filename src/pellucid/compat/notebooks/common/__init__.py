"""The package `common` of the second text's notebooks."""
