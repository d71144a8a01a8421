"""Muon (Keller Jordan) for matrices, batched over equal shapes; AdamW for the rest."""

import torch


@torch.compile(disable=not torch.cuda.is_available())
def orthogonal(g, steps=5):
    """The nearest orthogonal matrices, roughly: Newton-Schulz on a stack of matrices."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16()
    flip = x.size(-2) > x.size(-1)
    if flip:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        y = x @ x.mT
        x = a * x + (b * y + c * y @ y) @ x
    return (x.mT if flip else x).to(g.dtype)


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr=0.02, momentum=0.95, weight_decay=0.01):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(p.shape, []).append(p)
            for shape, params in shapes.items():
                for p in params:
                    if "momentum" not in self.state[p]:
                        self.state[p]["momentum"] = torch.zeros_like(p)
                grads = [p.grad for p in params]
                moments = [self.state[p]["momentum"] for p in params]
                torch._foreach_lerp_(moments, grads, 1 - group["momentum"])
                update = torch._foreach_lerp(grads, moments, group["momentum"])
                update = orthogonal(torch.stack(update)) * (0.2 * max(shape) ** 0.5)
                torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(params, list(update.unbind()), alpha=-group["lr"])


def split(model):
    """(matrices for Muon, parameters for AdamW with decay, the rest)"""
    muon, decay, rest = [], [], []
    for name, p in model.named_parameters():
        if "embed" in name or "head" in name or "position" in name:
            (decay if p.ndim == 2 else rest).append(p)
        elif p.ndim == 2:
            muon.append(p)
        else:
            rest.append(p)
    return muon, decay, rest
