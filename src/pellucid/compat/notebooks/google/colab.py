"""Stands in for google.colab outside it: there is no drive to mount, and none is needed."""


class _Drive:
    def mount(self, path: str, force_remount: bool = False) -> None:
        """Does nothing: the modules are in place."""


drive = _Drive()

__all__ = ["drive"]
