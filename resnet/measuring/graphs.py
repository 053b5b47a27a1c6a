"""A step recorded once as a CUDA graph and replayed: what a GPU takes without the host's launches."""

from __future__ import annotations

import torch

from resnet.measuring.stopwatch import Step


def graphed(step: Step) -> Step:
    """Capture a step on the current device; a call replays it and does not wait for its end.

    Args:
        step: reads and writes the same memory at every call.
    """
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # libraries set themselves up
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = step()

    def replay() -> object:
        graph.replay()
        return kept  # the graph writes into what it returned: it must outlive it

    return replay
