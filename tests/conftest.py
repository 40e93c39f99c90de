"""What every test shares: hypothesis without deadlines, as the machines of CI are slow and shared."""

from hypothesis import settings

settings.register_profile("pellucid", deadline=None)
settings.load_profile("pellucid")
