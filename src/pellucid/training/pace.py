"""How many batches to train before Python comes back: as many as fit into about 50 ms."""

TARGET_SECONDS = 0.05


class Pace:
    """Starts with one batch, and follows the measured time; never by more than fourfold at once."""

    def __init__(self) -> None:
        self.batches = 1

    def measured(self, batches: int, seconds: float) -> None:
        """Learns from a slice of so many batches that took so many seconds."""
        fitting = int(batches * TARGET_SECONDS / max(seconds, 1e-9))
        self.batches = max(1, min(fitting, 4 * self.batches))
