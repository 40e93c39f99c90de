"""Stands in for the package google, of which the notebooks want colab's drive."""
