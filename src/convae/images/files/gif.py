"""Common properties of all pictures of an animated GIF: whether they are grey or have transparent pixels.

Pillow decides that for each picture, but all images of a set need the same channels. Source: CompuServe,
Graphics Interchange Format, Version 89a.
"""

import os
from dataclasses import dataclass
from typing import BinaryIO

_SCREEN, _EXTENSION, _IMAGE, _CONTROL = 13, 0x21, 0x2C, 0xF9
_TABLE, _CLEAR = 0x80, 0x01
_KEPT = (0, 1)  # disposal methods that leave the picture in place


@dataclass(slots=True)
class GifFacts:
    """The properties found in the blocks of a GIF.

    Attributes:
        grey: whether all colours of all tables are grey.
        clear: whether pixels of a picture can be transparent when all before it are painted.
    """

    grey: bool = True
    clear: bool = False


def gif_facts(handle: BinaryIO) -> GifFacts:
    """Parse the blocks of a GIF, as far as they are whole, without decoding a picture."""
    facts, first, control = GifFacts(), True, 0
    handle.seek(0)
    screen = handle.read(_SCREEN)
    if len(screen) < _SCREEN:
        return facts
    _table(handle, screen[10], facts)
    size = screen[6:10]
    while block := handle.read(1):
        if block[0] == _EXTENSION:
            label = handle.read(1)
            control = _passed(handle, control, label[:1] == bytes([_CONTROL]))
        elif block[0] == _IMAGE:
            place = handle.read(9)
            if len(place) < 9:
                break
            whole = place[:8] == b"\0\0\0\0" + size
            disposed = (control >> 2) & 7
            facts.clear |= first and (bool(control & _CLEAR) or not whole)
            facts.clear |= bool(control & _CLEAR) and disposed not in _KEPT
            _table(handle, place[8], facts)
            handle.seek(1, os.SEEK_CUR)  # the width of its codes
            _passed(handle, 0, False)
            first, control = False, 0
        else:
            break
    return facts


def _table(handle: BinaryIO, flags: int, facts: GifFacts) -> None:
    """Read a colour table, if there is one."""
    if flags & _TABLE:
        colours = handle.read(3 << ((flags & 7) + 1))
        facts.grey &= colours[0::3] == colours[1::3] == colours[2::3]


def _passed(handle: BinaryIO, control: int, is_control: bool) -> int:
    """Skip sub-blocks; return the flags of a control block, or the previous flags."""
    while (length := handle.read(1)) and length[0]:
        if is_control:
            control = (handle.read(length[0]) or b"\0")[0]
            is_control = False
        else:
            handle.seek(length[0], os.SEEK_CUR)
    return control
