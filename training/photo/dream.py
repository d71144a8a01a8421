"""Pictures dreamt by the teacher (DeepInversion, Yin et al. 2020): no photograph is needed.

A picture begins as smooth noise or as a piece of a photograph and is changed until the teacher sees the wanted class in it and
the means and variances in all its batch norms are those of the photographs that it learned from.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

SIDE = 192


class Statistics:
    """Sums up how far the batch's statistics are from those that the teacher's batch norms remember.

    Looks at the stem, the head, the end of each block and some depthwise convolutions: all of them would cost twice the time.
    """

    def __init__(self, teacher):
        self.sum = 0.0
        blocks = list(teacher._blocks)
        for norm in [teacher._bn0, teacher._bn1, *(b._bn2 for b in blocks), *(blocks[i]._bn1 for i in (1, 3, 5, 8, 11, 15))]:
            norm.register_forward_hook(self.seen)

    def seen(self, module, inputs, output):
        var, mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
        floor = 0.03 * module.running_var.mean()
        known = module.running_var + floor
        self.sum = self.sum + ((mean.float() - module.running_mean).square() / known + ((var.float() + floor) / known).log().square()).mean()

    def take(self):
        total, self.sum = self.sum, 0.0
        return total


def smooth_noise(n, side, device):
    """Noise with as much at every scale, mostly grey."""
    x = torch.zeros(n, 3, side, side, device=device)
    for k in (3, 6, 12, 24, 48, 96):
        drawn = torch.randn(n, 1, k, k, device=device) + 0.4 * torch.randn(n, 3, k, k, device=device)
        x += F.interpolate(drawn, size=(side, side), mode="bicubic", align_corners=False) * (0.09 * (6 / max(k, 6)) ** 0.5)
    return (0.45 + x).clamp(0, 1)


class Spectrum:
    """Pictures as spectra of uncorrelated colors, every frequency on its own scale (Olah et al. 2017): steps in it look natural."""

    def __init__(self, side, device):
        self.side = side
        y, x = torch.fft.fftfreq(side, device=device), torch.fft.rfftfreq(side, device=device)
        self.scale = side / 4 / (y[:, None].square() + x.square()).sqrt().clamp(min=1 / side)
        colors = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], device=device)
        self.colors = colors / colors.norm(dim=0).max()
        self.inverse = self.colors.inverse()

    def picture(self, spectrum):
        """[B, 3, side, side] of 0 to 1"""
        x = torch.fft.irfft2(torch.view_as_complex(spectrum) * self.scale, s=(self.side, self.side))
        return torch.einsum("ij,bjhw->bihw", self.colors, x).sigmoid()

    def of(self, picture):
        x = torch.einsum("ij,bjhw->bihw", self.inverse, picture.clamp(0.02, 0.98).logit())
        return torch.view_as_real(torch.fft.rfft2(x) / self.scale)


def dream(teacher, statistics, classes, begin, steps, rate=0.12, weight=0.6, tv=4.0, small_first=0.45):
    """Pictures of 0 to 1, [B, 3, SIDE, SIDE], for the classes [B]; `begin`: what to begin with.

    The first `small_first` of the steps look at the picture at two thirds of its size, which is faster and settles the large forms.
    """
    space = Spectrum(begin.shape[-1], begin.device)
    s = space.of(begin.float()).contiguous().requires_grad_(True)
    m, v = torch.zeros_like(s), torch.zeros_like(s)
    cuda = s.is_cuda
    for step in range(steps):
        progress = step / steps
        lr = rate * min(1.0, (step + 1) / 8) * (0.5 + 0.5 * math.cos(math.pi * progress))
        x = space.picture(s)
        view = x
        if progress < small_first:
            view = F.interpolate(view, scale_factor=2 / 3, mode="bilinear", antialias=True)
        dy, dx = (int(k) for k in torch.randint(-16, 17, (2,)))
        view = torch.roll(view, (dy, dx), (2, 3))
        if torch.rand(()) < 0.5:
            view = view.flip(3)
        with torch.autocast("cuda", torch.bfloat16, enabled=cuda):
            logits = teacher(view.contiguous(memory_format=torch.channels_last))[0]
        off = statistics.take()
        rough = (x[:, :, 1:] - x[:, :, :-1]).square().mean() + (x[..., 1:] - x[..., :-1]).square().mean()
        loss = F.cross_entropy(logits.float(), classes) + weight * off + tv * rough
        grad, = torch.autograd.grad(loss, s)
        with torch.no_grad():  # Adam
            grad = grad * len(s)
            m.lerp_(grad, 0.2)
            v.lerp_(grad.square(), 0.05)
            s.addcdiv_(m / (1 - 0.8 ** (step + 1)), (v / (1 - 0.95 ** (step + 1))).sqrt() + 1e-8, value=-lr)
    return space.picture(s.detach()), logits.detach().float(), float(off.detach())
