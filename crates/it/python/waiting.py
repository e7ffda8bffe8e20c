"""The one way to wait for something that can only be looked at: again and again until a deadline."""

import time

PAUSE = 0.01


def until(what, look, seconds=20):
    """Looks until there is something true, and answers it."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for: {what}"
        time.sleep(PAUSE)
