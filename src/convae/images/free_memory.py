"""How much memory is free."""

import contextlib
import os
from pathlib import Path


def available_memory() -> int:
    """Return the bytes of main memory that are available: the system's free memory, or the container's limit.

    Where neither can be read (not Linux), the estimate is a cautious 2 GiB.
    """
    amounts = [2 * 2**30]
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                amounts = [int(line.split()[1]) * 1024]
    except OSError:
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            amounts = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2]
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    with contextlib.suppress(OSError, ValueError):  # no container limit, or "max"
        amounts.append(int(limit.read_text()) - int(used.read_text()))
    return max(0, min(amounts))
