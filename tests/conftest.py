"""What every test runs under."""

from hypothesis import settings

# The same examples in every run, and no clock: a slow machine is not a failed law.
settings.register_profile("flowtrace", deadline=None, derandomize=True)
settings.load_profile("flowtrace")
