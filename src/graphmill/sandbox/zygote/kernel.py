"""The layers behind the wall: namespaces, Landlock, another user, resource limits. Plain ctypes, no
dependency.

Each returns what it reached, for the report; a host that lacks one still has seccomp.
"""

import contextlib
import ctypes
import os
import resource
import struct
from pathlib import Path

NOBODY = 65534

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SIGKILL = 9
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_CLONE_NEWIPC, _CLONE_NEWUTS = 0x08000000, 0x04000000
_CAPABILITY_VERSION = 0x20080522
# The same numbers on every machine.
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Be killed when the process that made this one ends. Lost by fork and by changing the user."""
    _libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def hide_memory() -> None:
    """No other process of this user may read this one's memory or environment."""
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def unshare() -> str:
    """Leave the host's network, IPC and host name: `root`, `userns`, or empty when not allowed.

    Call it while the process has one thread."""
    spaces = _CLONE_NEWIPC | _CLONE_NEWUTS | _CLONE_NEWNET
    user, group = os.getuid(), os.getgid()
    if user == 0 and _libc.unshare(spaces) == 0:
        return "root"
    if _libc.unshare(spaces | _CLONE_NEWUSER) != 0:
        return ""
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
    with contextlib.suppress(OSError):
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")
    return "userns"


def drop_root() -> bool:
    """Become nobody when root."""
    if os.getuid() != 0:
        return False
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:
        # A container may have a root that cannot even do that.
        return False
    return True


def drop_capabilities() -> None:
    """Whoever makes a user namespace has all rights in it; nobody here needs one."""
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    _libc.capset(header, bytes(24))


def landlock() -> int:
    """Give up every file and every TCP port. The kernel's Landlock version; 0 without Landlock."""
    version = _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version <= 0:
        return 0
    files = (1 << 13) - 1
    for since, bit in ((2, 13), (3, 14), (5, 15)):
        if version >= since:
            files |= 1 << bit
    ports = 3 if version >= 4 else 0
    scopes = 3 if version >= 6 else 0
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _libc.syscall(
        _LANDLOCK_CREATE,
        struct.pack("QQQ", files, ports, scopes)[:size],
        ctypes.c_size_t(size),
        ctypes.c_uint32(0),
    )
    if ruleset < 0:
        return 0
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    restricted = _libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return version if restricted else 0


def limit(*, memory_bytes: int, cpu_seconds: int, threads: int) -> None:
    """Limits of one call: SIGXCPU ends it at `cpu_seconds`, SIGKILL a second later."""
    pairs = {
        resource.RLIMIT_AS: (memory_bytes, memory_bytes),
        resource.RLIMIT_CPU: (cpu_seconds, cpu_seconds + 1),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (32, 32),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, pair in pairs.items():
        resource.setrlimit(kind, pair)
    # The kernel counts all threads of the user, those of other calls and maybe of other programs.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
