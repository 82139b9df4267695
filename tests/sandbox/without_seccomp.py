"""Runs a program where nobody can load a seccomp filter, as under an old kernel or a strict host:

    python without_seccomp.py PROGRAM ARGUMENT...

It loads one itself, whose only rule is that there are no more.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

NUMBERS = {"x86_64": (157, 317), "aarch64": (167, 277)}
"""Of prctl and seccomp."""
PR_SET_SECCOMP = 22
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000 | errno.EINVAL
NUMBER_AT, ARGUMENT_AT = 0, 16


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def forbid_seccomp() -> None:
    prctl, seccomp = NUMBERS[platform.machine()]
    instructions = [
        (LOAD, 0, 0, NUMBER_AT),
        (IF_EQUAL, 4, 0, seccomp),
        (IF_EQUAL, 0, 2, prctl),
        (LOAD, 0, 0, ARGUMENT_AT),
        (IF_EQUAL, 1, 0, PR_SET_SECCOMP),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, FAIL),
    ]
    raw = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(raw, len(raw))
    program = Program(len(instructions), ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    set_no_new_privileges, mode_filter = 38, 2
    if libc.prctl(set_no_new_privileges, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, mode_filter, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    forbid_seccomp()
    os.execv(sys.argv[1], sys.argv[1:])
