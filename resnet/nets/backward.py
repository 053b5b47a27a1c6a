"""The backward pass that the compiled batch norms of CPUs and GPUs have in common: what goes where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Gradients = Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]
"""A kernel: of the output's gradient, x, y, the scale, the batch's statistics, and whether the shortcut's gradient is
wanted and is not the output's own, it gives the gradients of x, the scale, the shift and the shortcut.
"""


def batch_norm_relu_backward(ctx: Any, dy: Tensor, kernel: Gradients) -> tuple[Tensor | None, ...]:
    """Give the gradient of every argument of ``relu(bn(x) + shortcut)``.

    Args:
        ctx: has saved x, y (None without a ReLU), the scale and the batch's statistics. The operation's first arguments
            are x, the scale, the shift and the shortcut; the others have no gradient.
        dy: gradient of the output.
        kernel: computes.
    """
    x, y, weight, *statistics = ctx.saved_tensors
    dy = dy.to(x.dtype).contiguous(memory_format=torch.channels_last)
    wanted = ctx.needs_input_grad[3]
    # Without a ReLU the shortcut's gradient is dy itself.
    masked = wanted and y is not None
    dx, dweight, dbias, dshortcut = kernel(dy, x, y, weight, *statistics, masked)
    to_shortcut = (dshortcut if masked else dy) if wanted else None
    return dx, dweight, dbias, to_shortcut, *[None] * (len(ctx.needs_input_grad) - 4)
