"""Frames: one activation of a graph each. The root is one; every round of an iteration or loop will be another."""

from graphmill.engine.plan import Plan
from graphmill.engine.scheduler import Scheduler, State
from graphmill.engine.streaming import StreamFilter
from graphmill.variables.pool import Pool
from graphmill.variables.values import Value


class Frame:
    """The state of one activation: node and edge states, values, shown text, outputs so far.

    Several frames of a run may be open at once; the driver serves them all, a completion says which frame it is for."""

    __slots__ = ("outputs", "plan", "pool", "running", "scheduler", "stream")

    def __init__(self, plan: Plan, pool: Pool) -> None:
        self.plan = plan
        self.pool = pool
        self.scheduler = Scheduler(plan.graph)
        self.stream = StreamFilter(plan.streams, pool, self.is_skipped)
        self.outputs: dict[str, Value] = {}
        self.running = 0

    def is_skipped(self, node_id: str) -> bool:
        index = self.plan.indexes.get(node_id)
        return index is not None and self.scheduler.state(index) is State.SKIPPED

    def merge_outputs(self, outputs: dict[str, Value]) -> None:
        """Add a response node's outputs to the frame's (`workflow-dsl §8`): answers join, other keys overwrite."""
        for name, value in outputs.items():
            before = self.outputs.get(name)
            if name == "answer" and isinstance(before, str) and isinstance(value, str):
                self.outputs[name] = before + value
            else:
                self.outputs[name] = value
