"""The wall: a seccomp filter that denies every system call but those that computing needs.

No call that takes a path is allowed, so everything a program may import is loaded before. The
filter is built once in the zygote and loaded in each child before the first line of strangers'
code. Numbers below are kernel ABI.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Sequence

MACHINE = platform.machine()
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# fmt: off
_NUMBERS = {
    "x86_64": {
        "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7,
        "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13,
        "rt_sigprocmask": 14, "rt_sigreturn": 15, "ioctl": 16, "pread64": 17, "readv": 19,
        "writev": 20, "access": 21, "select": 23, "sched_yield": 24, "mremap": 25, "madvise": 28,
        "dup": 32, "nanosleep": 35, "getpid": 39, "sendto": 44, "recvfrom": 45, "shutdown": 48,
        "socketpair": 53, "getsockopt": 55, "clone": 56, "exit": 60, "uname": 63, "fcntl": 72,
        "getcwd": 79, "readlink": 89, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98,
        "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108,
        "getppid": 110, "getresuid": 118, "getresgid": 120, "sigaltstack": 131,
        "sched_getparam": 143, "sched_getscheduler": 145, "arch_prctl": 158, "gettid": 186,
        "time": 201, "futex": 202, "sched_getaffinity": 204, "getdents64": 217,
        "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230,
        "exit_group": 231, "epoll_wait": 232, "epoll_ctl": 233, "openat": 257, "newfstatat": 262,
        "readlinkat": 267, "faccessat": 269, "pselect6": 270, "ppoll": 271, "set_robust_list": 273,
        "epoll_pwait": 281, "eventfd2": 290, "epoll_create1": 291, "pipe2": 293, "prlimit64": 302,
        "getrandom": 318, "membarrier": 324, "statx": 332, "rseq": 334, "clone3": 435,
        "faccessat2": 439,
    },
    "aarch64": {
        "getcwd": 17, "eventfd2": 19, "epoll_create1": 20, "epoll_ctl": 21, "epoll_pwait": 22,
        "dup": 23, "fcntl": 25, "ioctl": 29, "faccessat": 48, "openat": 56, "close": 57,
        "pipe2": 59, "getdents64": 61, "lseek": 62, "read": 63, "write": 64, "readv": 65,
        "writev": 66, "pread64": 67, "pselect6": 72, "ppoll": 73, "readlinkat": 78,
        "newfstatat": 79, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98,
        "set_robust_list": 99, "nanosleep": 101, "clock_gettime": 113, "clock_getres": 114,
        "clock_nanosleep": 115, "sched_getscheduler": 120, "sched_getparam": 121,
        "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128, "sigaltstack": 132,
        "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "getresuid": 148,
        "getresgid": 150, "times": 153, "uname": 160, "getrlimit": 163, "getrusage": 165,
        "gettimeofday": 169, "getpid": 172, "getppid": 173, "getuid": 174, "geteuid": 175,
        "getgid": 176, "getegid": 177, "gettid": 178, "sysinfo": 179, "socketpair": 199,
        "sendto": 206, "recvfrom": 207, "getsockopt": 209, "shutdown": 210, "brk": 214,
        "munmap": 215, "mremap": 216, "clone": 220, "mmap": 222, "mprotect": 226, "madvise": 233,
        "prlimit64": 261, "getrandom": 278, "membarrier": 283, "statx": 291, "rseq": 293,
        "clone3": 435, "faccessat2": 439,
    },
}
# fmt: on

_ALWAYS = """
    read write close fstat poll lseek munmap brk rt_sigprocmask rt_sigreturn pread64 readv writev
    select sched_yield mremap madvise dup nanosleep getpid exit uname gettimeofday getrlimit
    getrusage sysinfo times getuid getgid geteuid getegid getppid sigaltstack arch_prctl gettid time
    futex sched_getaffinity restart_syscall clock_gettime clock_getres clock_nanosleep exit_group
    pselect6 ppoll set_robust_list getrandom rseq getresuid getresgid membarrier sched_getparam
    sched_getscheduler recvfrom epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2 pipe2
    shutdown getsockopt
""".split()
_TAKES_PATH = """
    stat lstat access readlink readlinkat faccessat faccessat2 statx getdents64 getcwd open openat
""".split()

# Classic BPF: operations, and where seccomp puts the system call's number, machine and arguments.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT = 0, 4
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_X32_BIT = 0x40000000
_PROT_EXEC, _CLONE_THREAD, _AT_EMPTY_PATH, _AF_UNIX = 4, 0x00010000, 0x1000, 1
_SIGALRM, _SIGXCPU = 14, 24
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX: what isatty() and sockets ask."""
_FCNTLS = (0, 1, 2, 3, 4, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC."""

Instruction = tuple[int, int, int, int]
"""(operation, jump if true, jump if false, operand)"""


def _argument(number: int, *, high: bool = False) -> int:
    """Offset of half of an argument; both supported machines are little-endian."""
    return 16 + 8 * number + (4 if high else 0)


def _returns(action: int) -> Instruction:
    return (_RETURN, 0, 0, action)


_ALLOWED = _returns(_ALLOW)
_DENIED = _returns(_FAIL | errno.EPERM)
_NO_ACCESS = _returns(_FAIL | errno.EACCES)
_UNKNOWN = _returns(_FAIL | errno.ENOSYS)


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _one_of(argument: int, values: Sequence[int], otherwise: int) -> list[Instruction]:
    """Allow when the low half of an argument is one of `values`."""
    last = len(values)
    tests = [(_IF_EQUAL, last - position, 0, value) for position, value in enumerate(values)]
    return [_load(_argument(argument)), *tests, _returns(_FAIL | otherwise), _ALLOWED]


def _none_of(argument: int, values: Sequence[int]) -> list[Instruction]:
    last = len(values)
    tests = [(_IF_EQUAL, last - position, 0, value) for position, value in enumerate(values)]
    return [_load(_argument(argument)), *tests, _ALLOWED, _DENIED]


def _if_bit(
    argument: int, bit: int, then: Instruction, otherwise: Instruction
) -> list[Instruction]:
    return [_load(_argument(argument)), (_IF_ANY_BIT, 0, 1, bit), then, otherwise]


def _if_null(argument: int) -> list[Instruction]:
    """Allow when a pointer is null: both halves must be looked at."""
    return [
        _load(_argument(argument)),
        (_IF_EQUAL, 0, 3, 0),
        _load(_argument(argument, high=True)),
        (_IF_EQUAL, 0, 1, 0),
        _ALLOWED,
        _DENIED,
    ]


def _rules() -> dict[str, list[Instruction]]:
    """What each system call is answered with; one that is not named here is denied."""
    return {
        **{name: [_ALLOWED] for name in _ALWAYS},
        **{name: [_NO_ACCESS] for name in _TAKES_PATH},
        # fstat(fd) of some C libraries is newfstatat(fd, "", AT_EMPTY_PATH).
        "newfstatat": _if_bit(3, _AT_EMPTY_PATH, _ALLOWED, _NO_ACCESS),
        "mmap": _if_bit(2, _PROT_EXEC, _DENIED, _ALLOWED),
        "mprotect": _if_bit(2, _PROT_EXEC, _DENIED, _ALLOWED),
        "ioctl": _one_of(1, _IOCTLS, errno.ENOTTY),
        "fcntl": _one_of(1, _FCNTLS, errno.EPERM),
        "prlimit64": _if_null(2),
        # The signals that end a call must not be caught.
        "rt_sigaction": _none_of(0, (_SIGALRM, _SIGXCPU)),
        "clone": _if_bit(0, _CLONE_THREAD, _ALLOWED, _DENIED),
        # C libraries fall back to clone, whose flags a filter can see.
        "clone3": [_UNKNOWN],
        # asyncio wakes itself through an unnamed pair; sending is allowed without an address only.
        "socketpair": _one_of(0, (_AF_UNIX,), errno.EPERM),
        "sendto": _if_null(4),
    }


def is_supported() -> bool:
    return MACHINE in AUDIT_ARCH


def build_filter() -> bytes:
    """The program, as the kernel wants it: an array of `struct sock_filter`."""
    numbers = _NUMBERS[MACHINE]
    program: list[Instruction] = [
        _load(_MACHINE_AT),
        (_IF_EQUAL, 1, 0, AUDIT_ARCH[MACHINE]),
        _returns(_KILL),
        _load(_NUMBER_AT),
    ]
    if MACHINE == "x86_64":
        program += [(_IF_AT_LEAST, 0, 1, _X32_BIT), _UNKNOWN]
    for name, body in _rules().items():
        if name in numbers:
            program += [(_IF_EQUAL, 0, len(body), numbers[name]), *body]
    program.append(_DENIED)
    return b"".join(
        struct.pack("HBBI", operation, yes, no, operand) for operation, yes, no, operand in program
    )


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


class Filter:
    """A built filter, ready to be loaded into a child."""

    def __init__(self) -> None:
        raw = build_filter()
        self._buffer = ctypes.create_string_buffer(raw, len(raw))
        self._program = _Program(len(raw) // 8, ctypes.cast(self._buffer, ctypes.c_void_p))
        self._libc = ctypes.CDLL(None, use_errno=True)

    def can_be_loaded(self) -> bool:
        """Tried in a child, for it cannot be taken off again."""
        child = os.fork()
        if child == 0:
            try:
                self.load()
            except OSError:
                os._exit(1)
            os._exit(0)
        return os.waitpid(child, 0)[1] == 0

    def load(self) -> None:
        """From here on this process can only compute. Raises OSError when the kernel refuses."""
        set_no_new_privileges, set_seccomp, mode_filter = 38, 22, 2
        if self._libc.prctl(set_no_new_privileges, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no_new_privs")
        if self._libc.prctl(set_seccomp, mode_filter, ctypes.byref(self._program), 0, 0):
            raise OSError(ctypes.get_errno(), "seccomp")
