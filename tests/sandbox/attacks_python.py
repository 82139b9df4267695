"""What Python code may try: use up the host, read, write, talk, break out, forge answers."""

from tests.sandbox.attack import (
    Attack,
    anything,
    contains,
    differs_from,
    equals,
    longer_list_than,
    longer_than,
    more_than,
)

SYSTEM_CALLS = {
    "ptrace-traceme": "101, 0, 0, 0, 0",
    "process_vm_readv": "310, 1, 0, 0, 0, 0, 0",
    "io_uring_setup": "425, 8, ctypes.create_string_buffer(200)",
    "bpf": "321, 0, ctypes.create_string_buffer(200), 100",
    "userfaultfd": "323, 0",
    "perf_event_open": "298, ctypes.create_string_buffer(200), 0, -1, -1, 0",
    "keyctl": "250, 0, -3, 0",
    "unshare-user": "272, 268435456",
    "mount": "165, b'none', b'/tmp', b'tmpfs', 0, 0",
    "memfd_create": "319, b'x', 0",
    "setns": "308, 0, 0",
    "open_by_handle": "304, -100, 0, 0",
    "pidfd_open": "434, 1, 0",
    "clone": "56, 17, 0, 0, 0, 0",
    "vfork": "58",
    "clone3": "435, ctypes.create_string_buffer(88), 88",
    "kill": "62, 1, 0",
    "setuid0": "105, 0",
    "prctl-dumpable": "157, 4, 1, 0, 0, 0",
    "seccomp-again": "317, 1, 0, 0",
    "mprotect-exec": "9, 0, 4096, 7, 34, -1, 0",
    "socket": "41, 2, 1, 0",
    "x32-getpid": "1073741824 + 39",
    "int-truncation-open": "1 << 32 | 2, b'/etc/passwd', 0",
    "chroot": "161, b'/'",
    "personality": "135, 262144",
    "tiocsti": "16, 0, 21522, b'x'",
    "prlimit-raise": "302, 0, 9, (ctypes.c_ulong * 2)(2 ** 64 - 1, 2 ** 64 - 1), 0",
    "shmget": "29, 0, 4096, 896",
    "mq_open": "240, b'@NAME@', 66, 384, 0",
    "add_key": "248, b'user', b'k', b'v', 1, -3",
    "landlock": "444, 0, 0, 1",
}
"""Arguments of syscall(), by what they would do (x86-64)."""

_SYSTEM_CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def main(**kw):
    return {"v": libc.syscall(%s)}"""

PYTHON = [
    Attack(
        "inf-loop",
        """
def main(**kw):
    while True:
        pass
""",
    ),
    Attack(
        "inf-loop-catch-all",
        """
def main(**kw):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
""",
    ),
    Attack(
        "inf-loop-in-except-KeyboardInterrupt",
        """
def main(**kw):
    import time

    while 1:
        try:
            time.sleep(100)
        except BaseException:
            pass
""",
    ),
    Attack(
        "c-level-loop",
        """
def main(**kw):
    return {"v": sum(range(10**12))}
""",
    ),
    Attack(
        "redos",
        """
def main(**kw):
    import re

    return {"v": bool(re.match("(a+)+$", "a" * 50 + "b"))}
""",
    ),
    Attack(
        "bigint-pow",
        """
def main(**kw):
    x = 10**10**9
    return {"v": len(str(x))}
""",
    ),
    Attack(
        "mem-list",
        """
def main(**kw):
    a = []
    while True:
        a.append("x" * 1000000)
""",
    ),
    Attack(
        "mem-str",
        """
def main(**kw):
    return {"v": len("a" * (8 << 30))}
""",
    ),
    Attack(
        "mem-bytearray",
        """
def main(**kw):
    b = bytearray(1 << 40)
    return {"v": 1}
""",
    ),
    Attack(
        "mem-dict-growth",
        """
def main(**kw):
    d = {}
    i = 0
    while True:
        d[i] = [i] * 100
        i += 1
""",
    ),
    Attack(
        "mem-catch",
        """
def main(**kw):
    a = []
    while True:
        try:
            while True:
                a.append(bytearray(10000000))
        except MemoryError:
            pass
""",
    ),
    Attack(
        "zip-bomb",
        """
def main(**kw):
    import zlib

    d = zlib.compress(b"0" * 10**7)
    x = b""
    while True:
        x += zlib.decompress(d) * 50
""",
    ),
    Attack(
        "fork-bomb",
        """
def main(**kw):
    import os

    n = 0
    while n < 2000:
        os.fork()
        n += 1
    return {"v": "forked"}
""",
        leaks=equals("forked"),
    ),
    Attack(
        "subprocess",
        """
def main(**kw):
    import subprocess

    return {"v": subprocess.run(["/usr/bin/id"], capture_output=True, text=True).stdout}
""",
        leaks=contains("uid"),
    ),
    Attack(
        "os.system",
        """
def main(**kw):
    import os

    return {"v": os.system("touch @FOLDER@/pwned")}
""",
        leaks=equals(0),
    ),
    Attack(
        "os.popen",
        """
def main(**kw):
    import os

    return {"v": os.popen("id").read()}
""",
        leaks=contains("uid"),
    ),
    Attack(
        "posix_spawn",
        """
def main(**kw):
    import os

    p = os.posix_spawn("/usr/bin/touch", ["touch", "@FOLDER@/pwned"], {})
    return {"v": os.waitpid(p, 0)[1]}
""",
        leaks=equals(0),
    ),
    Attack(
        "execv",
        """
def main(**kw):
    import os

    os.execv("/bin/sh", ["sh", "-c", "touch @FOLDER@/pwned"])
""",
    ),
    Attack(
        "multiprocessing",
        """
def main(**kw):
    import multiprocessing as m

    p = m.Process(target=print)
    p.start()
    p.join()
    return {"v": p.exitcode}
""",
        leaks=equals(0),
    ),
    Attack(
        "read-passwd",
        """
def main(**kw):
    return {"v": open("/etc/passwd").read()[:50]}
""",
        leaks=contains("root"),
    ),
    Attack(
        "read-passwd-os",
        """
def main(**kw):
    import os

    f = os.open("/etc/passwd", 0)
    return {"v": os.read(f, 50).decode()}
""",
        leaks=contains("root"),
    ),
    Attack(
        "pathlib-read",
        """
def main(**kw):
    from pathlib import Path

    return {"v": Path("/etc/hostname").read_text()}
""",
        leaks=anything,
    ),
    Attack(
        "read-canary",
        """
def main(**kw):
    return {"v": open("@FOLDER@/canary").read()}
""",
        leaks=contains("CANARY"),
    ),
    Attack(
        "os.environ",
        """
def main(**kw):
    import os

    return {"v": str(dict(os.environ)) + str(os.getenv("SECRET_KEY"))}
""",
        leaks=contains("sk-12345"),
    ),
    Attack(
        "proc-self-environ",
        """
def main(**kw):
    return {"v": open("/proc/self/environ").read()}
""",
        leaks=contains("sk-12345"),
    ),
    Attack(
        "proc-parent-environ",
        """
def main(**kw):
    import os

    o = ""
    for p in [1, os.getppid()] + list(range(1, 40000)):
        try:
            o += open(f"/proc/{p}/environ", "rb").read().decode("latin1")
        except Exception as e:
            pass
    return {"v": "@SECRET@" in o, "n": len(o)}
""",
        leaks=anything,
    ),
    Attack(
        "proc-self-mem",
        """
def main(**kw):
    f = open("/proc/self/mem", "rb")
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "proc-cmdline",
        """
def main(**kw):
    import os

    return {"v": os.listdir("/proc")}
""",
        leaks=anything,
    ),
    Attack(
        "listdir-root",
        """
def main(**kw):
    import os

    return {"v": os.listdir("/")}
""",
        leaks=anything,
    ),
    Attack(
        "glob-home",
        """
def main(**kw):
    import glob

    return {"v": glob.glob("/root/*") + glob.glob("/home/*") + glob.glob("/tmp/*")}
""",
        leaks=anything,
    ),
    Attack(
        "stat-file-exists",
        """
def main(**kw):
    import os

    return {"v": [os.path.exists(p) for p in ("/etc/passwd", "/nonexistent")]}
""",
        leaks=equals([True, False]),
    ),
    Attack(
        "write-tmp",
        """
def main(**kw):
    open("@FOLDER@/written", "w").write("x")
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "write-cwd",
        """
def main(**kw):
    open("@NAME@", "w").write("x")
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "write-devshm",
        """
def main(**kw):
    open("/dev/shm/@NAME@", "w").write("x")
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "tempfile",
        """
def main(**kw):
    import tempfile

    f = tempfile.NamedTemporaryFile()
    f.write(b"x")
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "unlink",
        """
def main(**kw):
    import os

    os.unlink("@FOLDER@/canary")
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "chmod-chown",
        """
def main(**kw):
    import os

    os.chmod("@FOLDER@/canary", 511)
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "mkdir-symlink",
        """
def main(**kw):
    import os

    os.mkdir("@FOLDER@/d")
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "disk-fill",
        """
def main(**kw):
    f = open("@FOLDER@/big", "wb")
    while True:
        f.write(b"0" * 10000000)
""",
    ),
    Attack(
        "tcp-loopback",
        """
def main(**kw):
  import socket
  s=socket.create_connection(('127.0.0.1',@PORT@),2)
  return {'v':1}
""",
        leaks=equals(1),
    ),
    Attack(
        "tcp-loopback6",
        """
def main(**kw):
  import socket
  s=socket.socket(socket.AF_INET6);s.connect(('::1',@PORT@))
  return {'v':1}
""",
        leaks=equals(1),
    ),
    Attack(
        "udp-loopback",
        """
def main(**kw):
  import socket
  s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);n=s.sendto(b'x',('127.0.0.1',@PORT@))
  return {'v':n}
""",
        leaks=equals(1),
    ),
    Attack(
        "dns",
        """
def main(**kw):
    import socket

    return {"v": str(socket.getaddrinfo("localhost", 80))}
""",
        leaks=contains("127.0.0.1"),
    ),
    Attack(
        "urllib-loopback",
        """
def main(**kw):
    import urllib.request

    return {"v": urllib.request.urlopen("http://127.0.0.1:@PORT@/", timeout=2).status}
""",
        leaks=equals(200),
    ),
    Attack(
        "unix-socket",
        """
def main(**kw):
    import socket

    s = socket.socket(socket.AF_UNIX)
    s.connect("@FOLDER@/socket")
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "abstract-unix",
        r"""
def main(**kw):
    import socket

    s = socket.socket(socket.AF_UNIX)
    s.connect("\x00@NAME@")
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "listen",
        """
def main(**kw):
    import socket

    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "netlink-raw",
        """
def main(**kw):
    import socket

    o = []
    for f, t in ((16, 3), (17, 3), (2, 3), (40, 1), (38, 5)):
        try:
            socket.socket(f, t)
            o.append(f)
        except Exception as e:
            pass
    return {"v": o}
""",
        leaks=anything,
    ),
    Attack(
        "asyncio-loop",
        """
def main(**kw):
  import asyncio
  async def f():
    r,w=await asyncio.open_connection('127.0.0.1',@PORT@)
    return 1
  return {'v':asyncio.run(f())}
""",
        leaks=equals(1),
    ),
    Attack(
        "kill-parent",
        """
def main(**kw):
    import os

    os.kill(os.getppid(), 9)
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "kill-all-1",
        """
def main(**kw):
    import os

    o = []
    for p in (os.getppid(), -1, 0, 1):
        try:
            os.kill(p, 0)
            o.append(p)
        except Exception as e:
            pass
    return {"v": o}
""",
        leaks=anything,
    ),
    Attack(
        "killpg-setpgid",
        """
def main(**kw):
    import os

    os.setpgid(0, 0)
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "ctypes-system",
        """
def main(**kw):
    import ctypes

    L = ctypes.CDLL(None, use_errno=True)

    def sc(*a):
        r = L.syscall(*a)
        return [r, ctypes.get_errno()]

    return {"v": [L.system(b"touch @FOLDER@/pwned")]}
""",
        leaks=equals([0]),
    ),
    Attack(
        "ctypes-segv",
        """
def main(**kw):
    import ctypes

    ctypes.string_at(0)
    return {"v": 1}
""",
    ),
    Attack(
        "mmap-exec",
        """
def main(**kw):
    import mmap

    m = mmap.mmap(-1, 4096, prot=7)
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "bytecode-segv",
        """
def main(**k):

    def f():
        pass

    f.__code__ = f.__code__.replace(co_code=bytes([100, 255] * 5000), co_consts=())
    return {"v": f()}
""",
    ),
    Attack(
        "huge-output",
        """
def main(**kw):
    return {"v": "x" * (300 << 20)}
""",
        leaks=longer_than(10_000_000),
    ),
    Attack(
        "huge-output-list",
        """
def main(**kw):
    return {"v": [[i] * 10 for i in range(2000000)]}
""",
        leaks=longer_than(10_000_000),
    ),
    Attack(
        "huge-stdout",
        """
def main(**kw):
    for i in range(10**7):
        print("x" * 100)
    return {"v": 1}
""",
    ),
    Attack(
        "fd-forge",
        """
def main(**kw):
    import os

    p = b'{"ok": true, "result": {"v": "forged"}}'
    for f in range(0, 64):
        try:
            os.write(f, len(p).to_bytes(4, "big") + p)
        except OSError:
            pass
    os._exit(0)
""",
    ),
    Attack(
        "fd-garbage",
        r"""
def main(**kw):
    import os

    for f in range(0, 64):
        try:
            os.write(f, b"\xff" * 100)
        except OSError:
            pass
    os._exit(0)
""",
    ),
    Attack(
        "fd-scan",
        """
def main(**kw):
    import os

    o = []
    for f in range(0, 1024):
        try:
            os.fstat(f)
            o.append(f)
        except OSError:
            pass
    return {"v": o}
""",
        leaks=longer_list_than(4),
    ),
    Attack(
        "recursion",
        """
def main(**kw):

    def f(n):
        return f(n + 1)

    return {"v": f(0)}
""",
    ),
    Attack(
        "recursion-limit-raised",
        """
def main(**kw):
    import sys

    sys.setrecursionlimit(10**9)

    def f(n):
        return f(n + 1)

    return {"v": f(0)}
""",
    ),
    Attack(
        "c-recursion",
        """
def main(**kw):
    x = []
    for i in range(10**6):
        x = [x]
    return {"v": repr(x)}
""",
    ),
    Attack(
        "json-deep",
        """
def main(**kw):
    import json

    return {"v": json.loads("[" * 10**6)}
""",
    ),
    Attack(
        "deep-result",
        """
def main(**kw):
    x = {}
    for i in range(900):
        x = {"a": x}
    return x
""",
    ),
    Attack(
        "cyclic-result",
        """
def main(**kw):
    x = {}
    x["a"] = x
    return x
""",
    ),
    Attack(
        "nan-result",
        """
def main(**kw):
    return {"v": float("nan"), "w": float("inf")}
""",
    ),
    Attack(
        "hugeint-result",
        """
def main(**kw):
    return {"v": 10**5000}
""",
    ),
    Attack(
        "surrogate-result",
        r"""
def main(**kw):
    return {"v": "\ud800"}
""",
    ),
    Attack(
        "nonstr-keys",
        """
def main(**kw):
    return {1: 2, None: 3}
""",
    ),
    Attack(
        "nondict",
        """
def main(**kw):
    return [1, 2]
""",
    ),
    Attack(
        "none",
        """
def main(**kw):
    return None
""",
    ),
    Attack(
        "unserializable",
        """
def main(**kw):
    return {"v": object()}
""",
    ),
    Attack(
        "subclasses-popen",
        """
def main(**kw):
    for c in ().__class__.__base__.__subclasses__():
        if c.__name__ == "Popen":
            return {"v": c(["/usr/bin/id"], stdout=-1).communicate()[0].decode()}
    return {"v": "none"}
""",
        leaks=contains("uid"),
    ),
    Attack(
        "subclasses-os-wrap",
        """
def main(**kw):
    for c in ().__class__.__base__.__subclasses__():
        if c.__name__ == "_wrap_close":
            return {"v": c.__init__.__globals__["system"]("touch @FOLDER@/pwned")}
    return {"v": "none"}
""",
        leaks=equals(0),
    ),
    Attack(
        "frames-globals",
        """
def main(**kw):
    import sys

    f = sys._getframe()
    o = []
    while f:
        o.append(sorted(f.f_globals)[:50])
        f = f.f_back
    return {"v": "cfg" in str(o), "n": len(o)}
""",
    ),
    Attack(
        "gc-secrets",
        """
def main(**kw):
    import gc

    q = "@SECRET_HALF@" + "@SECRET_REST@"
    found = [
        text
        for each in gc.get_objects()
        if isinstance(each, dict)
        for text in map(str, list(each.values())[:50])
        if len(text) < 10000 and q in text
    ]
    return {"v": bool(found)}
""",
        leaks=equals(True),
    ),
    Attack(
        "traceback-frames",
        """
def main(**kw):
    try:
        1 / 0
    except Exception as e:
        f = e.__traceback__.tb_frame
        while f.f_back:
            f = f.f_back
        return {"v": list(f.f_globals)[:30]}
""",
    ),
    Attack(
        "persist-builtins",
        """
def main(**kw):
    import builtins, json

    builtins.len = lambda x: 666
    json.dumps = lambda *a, **k: '{"v":"hacked"}'
    return {"v": 1}
""",
    ),
    Attack(
        "persist-check",
        """
def main(**kw):
    return {"v": len([1])}
""",
        leaks=equals(666),
    ),
    Attack(
        "sysexit",
        """
def main(**kw):
    raise SystemExit(0)
""",
    ),
    Attack(
        "os._exit",
        """
def main(**kw):
    import os

    os._exit(0)
""",
    ),
    Attack(
        "kbdint",
        """
def main(**kw):
    raise KeyboardInterrupt
""",
    ),
    Attack(
        "rlimit-raise",
        """
def main(**kw):
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    return {"v": 1}
""",
        leaks=equals(1),
    ),
    Attack(
        "ignore-signals",
        """
def main(**kw):
    import signal

    for s in range(1, 65):
        try:
            signal.signal(s, signal.SIG_IGN)
        except Exception:
            pass
    while True:
        pass
""",
    ),
    Attack(
        "thread-bomb",
        """
def main(**kw):
    import threading, time

    n = 0
    try:
        for i in range(5000):
            threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
            n += 1
    except Exception as e:
        pass
    return {"v": n}
""",
        leaks=more_than(1000),
    ),
    Attack(
        "fd-exhaust",
        """
def main(**kw):
    import os

    n = 0
    try:
        while n < 5000:
            os.dup(1)
            n += 1
    except OSError:
        pass
    return {"v": n}
""",
        leaks=more_than(1000),
    ),
    Attack(
        "input-builtin",
        """
def main(**kw):
    return {"v": input()}
""",
    ),
    Attack(
        "breakpoint",
        """
def main(**kw):
    breakpoint()
    return {"v": 1}
""",
    ),
    Attack(
        "syntax-error",
        """
def main(:
 pass
""",
    ),
    Attack("null-byte", "def main(**k):\n  return {'v': 'a\0b'}"),
    Attack("no-main", "x = 1"),
    Attack(
        "wrong-args",
        """
def main(a, b):
    return {}
""",
        inputs={"c": 1},
    ),
    Attack(
        "big-code",
        "def main(**k):\n" + "".join(f"  x{i} = {i}\n" for i in range(60_000)) + "  return {}",
    ),
    Attack("deep-parens", 'def main(**k):\n  return {"v": ' + "(" * 5000 + "1" + ")" * 5000 + "}"),
    Attack(
        "module-level-loop",
        """
while True:
    pass


def main():
    return {}
""",
    ),
    Attack(
        "async-main",
        """
async def main(**k):
    return {"v": 1}
""",
    ),
    Attack(
        "import-hook",
        """
import sys


class F:
    def find_spec(s, n, p=None, t=None):
        return None


sys.meta_path.insert(0, F())


def main(**k):
    return {"v": 1}
""",
    ),
    Attack(
        "del-atexit",
        """
class D:
    def __del__(s):
        while True:
            pass


d = D()


def main(**k):
    return {"v": 1}
""",
    ),
    Attack(
        "bad-inputs-kwonly",
        """
def main(a, /):
    return {"v": a}
""",
        inputs={"a": 1},
    ),
    *(
        Attack(f"system-call-{name}", _SYSTEM_CALL % arguments, leaks=differs_from(-1))
        for name, arguments in SYSTEM_CALLS.items()
    ),
]
