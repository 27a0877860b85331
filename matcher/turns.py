"""How a process that somebody waits for shares the processor, with others and with itself."""

import ctypes
import gc
import os
import platform
import struct
from typing import Final

_SHORT: Final = 100_000  # nanoseconds: the shortest turn that Linux gives
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274}
_SCHED_ATTR: Final = struct.Struct("=IIQiIQQQ")  # from size to period, as Linux has it
_COLLECTIONS: Final = (10_000, 10, 50)  # objects; younger collections until an older one


def take_short_turns() -> None:
    """Let this thread run as soon as the disk, or another process, has woken it.

    A thread that asks for short turns on the processor is given them earlier (Linux, from 6.12 on):
    else it waits until a thread that computes, or spins, has had its turn of some milliseconds,
    many times what a sync takes. It gives way as early, and is given no more time than others.
    Threads that it starts do the same. Where the system knows nothing of this, it stays as it is.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is not None:
        size = _SCHED_ATTR.size
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        attributes = _SCHED_ATTR.pack(size, os.SCHED_OTHER, 0, nice, 0, _SHORT, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, attributes, 0)


def collect_seldom() -> None:
    """Look for cycles of objects that nobody needs less often than Python does by itself.

    An exchange makes objects that stay, orders and fills, and hardly any cycles. By default every
    700 new ones start a collection, and those of them that go through all objects stop the process
    the longer, the more there are: up to a third of what an order costs. What is there now, the
    modules, is never looked through again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTIONS)
