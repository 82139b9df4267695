"""Frames: one activation of a graph each. The root is one; a round of an iteration is another."""

from graphmill.engine.plan import Plan
from graphmill.engine.scheduler import Scheduler
from graphmill.engine.streaming import StreamFilter
from graphmill.variables.pool import Pool
from graphmill.variables.values import Value


class Frame:
    """The state of one activation: who may run, the values, the shown text, the outputs so far.

    Several frames of a run may be open at once; the driver serves them all, and a completion says
    which frame it is for."""

    __slots__ = ("outputs", "pool", "scheduler", "stream")

    def __init__(self, plan: Plan, pool: Pool) -> None:
        self.pool = pool
        self.scheduler = Scheduler(plan.graph)
        self.stream = StreamFilter(plan.streams, pool, self.scheduler.is_skipped)
        self.outputs: dict[str, Value] = {}

    def merge_outputs(self, outputs: dict[str, Value]) -> None:
        """Add a response node's outputs to the frame's (`workflow-dsl §8`).

        Answers are joined, other names overwritten."""
        for name, value in outputs.items():
            before = self.outputs.get(name)
            if name == "answer" and isinstance(before, str) and isinstance(value, str):
                self.outputs[name] = before + value
            else:
                self.outputs[name] = value
