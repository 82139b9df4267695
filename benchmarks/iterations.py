"""Long iterations on the real server: time, memory, and how long runs of others take meanwhile.

    python benchmarks/iterations.py

10,000 items one by one, and 1,000 all at once, a template for each; everything is stored. Another
client calls a workflow that does nothing, again and again. The server has core 0, the clients
core 1.
"""

import json
import os
import statistics
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import workloads
from http_load import cpu_seconds, free_port, server
from tokens import resident_mb, serve_command

CASES: Final = {"10,000 one by one": (10_000, 1), "1,000 at once": (1_000, 1_000)}
"""Items, and how many of them at a time."""
CALLS_BEFORE: Final = 20
PAUSE_SECONDS: Final = 0.02
"""Between two calls of the other client."""


@dataclass(slots=True)
class Meanwhile:
    """What the other client and a look at the memory find, until the iteration has ended."""

    peak_mb: float = 0.0
    latencies: list[float] = field(default_factory=list)
    is_over: bool = False

    def watch(self, port: int, pid: int) -> None:
        while not self.is_over:
            self.latencies.append(do_nothing(port))
            self.peak_mb = max(self.peak_mb, resident_mb(pid))
            time.sleep(PAUSE_SECONDS)


def do_nothing(port: int) -> float:
    """Seconds that such a run takes."""
    began = time.perf_counter()
    call(port, "/v1/workflows/run", "app-nothing", inputs={"q": "x"})
    return time.perf_counter() - began


def call(port: int, path: str, key: str, **body: object) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        json.dumps({**body, "user": "bench", "response_mode": "blocking"}).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        content: dict[str, object] = json.load(answer)
        return content


def measure(title: str, items: int, at_once: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nothing.yml").write_text(workloads.no_op())
        (folder / "items.yml").write_text(workloads.iterating_chat(items, at_once))
        config = folder / "config.yaml"
        config.write_text(
            f"data_dir: {folder / 'data'}\n"
            "apps:\n"
            "  - {workflow: nothing.yml, api_keys: [app-nothing]}\n"
            "  - {workflow: items.yml, api_keys: [app-items]}\n"
        )
        port = free_port()
        with server(serve_command(config, port), port) as pid:
            alone = statistics.median([do_nothing(port) for _ in range(CALLS_BEFORE)])
            meanwhile = Meanwhile()
            watcher = threading.Thread(target=meanwhile.watch, args=(port, pid))
            before, cpu, began = resident_mb(pid), cpu_seconds(pid), time.perf_counter()
            watcher.start()
            answer = call(port, "/v1/chat-messages", "app-items", query="go", inputs={"q": "x"})
            seconds = time.perf_counter() - began
            meanwhile.is_over = True
            watcher.join()
            if answer["answer"] != f"{items - 1}.":
                raise SystemExit(f"wrong answer: {answer}")
            cpu = cpu_seconds(pid) - cpu
            print(
                f"{title}: {seconds:.2f} s, {cpu:.2f} s CPU; memory {before:.0f} MB before, "
                f"{meanwhile.peak_mb:.0f} at most, {resident_mb(pid):.0f} after; other runs "
                f"{statistics.median(meanwhile.latencies) * 1000:.0f} ms, "
                f"{max(meanwhile.latencies) * 1000:.0f} at most, {alone * 1000:.0f} before"
            )


def main() -> None:
    os.sched_setaffinity(0, {1})
    for title, (items, at_once) in CASES.items():
        measure(title, items, at_once)


if __name__ == "__main__":
    main()
