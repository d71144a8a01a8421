"""Pieces of pictures as the student and the teacher see them: cropped, turned over, recolored, mixed; all on the GPU."""

import math

import torch
import torch.nn.functional as F


class Views:
    def __init__(self, bank, side=192):
        """bank: [N, 3, H, W] uint8"""
        self.bank, self.side = bank, side

    def __call__(self, index, least=0.35, color=1.0, mix=0.0):
        """[B, 3, side, side] of 0 to 1; `least`: the smallest share of the area; `mix`: the share of pictures mixed with another."""
        n, device = len(index), self.bank.device
        rand = lambda *s: torch.rand(*s, device=device)
        area = (least + (1 - least) * rand(n)).sqrt()
        ratio = torch.exp((rand(n) - 0.5) * 2 * math.log(4 / 3) * (1 - least)).sqrt()
        sx, sy = (area * ratio).clamp(max=1), (area / ratio).clamp(max=1)
        tx, ty = (rand(n) * 2 - 1) * (1 - sx), (rand(n) * 2 - 1) * (1 - sy)
        sx = sx * torch.where(rand(n) < 0.5, -1.0, 1.0)
        turn = (rand(n) - 0.5) * 0.3 * (rand(n) < 0.3)
        theta = torch.stack([sx * turn.cos(), -sy * turn.sin(), tx, sx * turn.sin(), sy * turn.cos(), ty], 1).view(n, 2, 3)
        grid = F.affine_grid(theta, (n, 3, self.side, self.side), align_corners=False)
        x = F.grid_sample(self.bank[index].float() / 255, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        if color:
            x = self.recolor(x, color)
        if mix:
            other = x[torch.randperm(n, device=device)]
            cut = torch.zeros(n, 1, self.side, self.side, device=device)
            at = torch.arange(self.side, device=device).float()
            w, h = (0.3 + 0.5 * rand(n, 1)) * self.side, (0.3 + 0.5 * rand(n, 1)) * self.side
            x0, y0 = rand(n, 1) * (self.side - w), rand(n, 1) * (self.side - h)
            inside = ((at >= y0) & (at < y0 + h)).unsqueeze(2) & ((at >= x0) & (at < x0 + w)).unsqueeze(1)
            cut = inside.unsqueeze(1).float()
            even = (0.2 + 0.6 * rand(n, 1, 1, 1)) * torch.ones_like(cut)
            weight = torch.where(rand(n, 1, 1, 1) < 0.5, cut, even) * (rand(n, 1, 1, 1) < mix)
            x = x * (1 - weight) + other * weight
        return x

    def recolor(self, x, much):
        n, device = len(x), x.device
        r = lambda s: 1 + (torch.rand(n, 1, 1, 1, device=device) * 2 - 1) * s * much
        grey = x.mean(1, keepdim=True)
        x = grey + (x - grey) * r(0.4)
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (mean + (x - mean) * r(0.35)) * r(0.3)
        x = x * (1 + (torch.rand(n, 3, 1, 1, device=device) * 2 - 1) * 0.1 * much)
        x = torch.where(torch.rand(n, 1, 1, 1, device=device) < 0.05, x.mean(1, keepdim=True).expand_as(x), x)
        blurred = F.interpolate(F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True), size=x.shape[2:], mode="bilinear", align_corners=False)
        x = torch.where(torch.rand(n, 1, 1, 1, device=device) < 0.2, blurred, x)
        return x.clamp(0, 1)
