"""Draws films from their numbers (scenes.py): distances to outlines, edges of a given softness, on any device.

Pixels come in any order: `grid` lists those of a picture row by row, `patched` as the processor's patches have them, so
that training draws straight into patches.
"""

import math

import torch

from . import scenes as s

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def grid(height, width, device="cpu"):
    """[height · width, 2] pixel centres in units of the shorter side."""
    side = min(height, width)
    y, x = torch.meshgrid((torch.arange(height) + 0.5) / side, (torch.arange(width) + 0.5) / side, indexing="ij")
    return torch.stack([x, y], -1).view(-1, 2).to(device)


def patched(rows, columns, patch, merge, device="cpu"):
    """The same points in the order of patches: [rows · columns · merge² · patch², 2]."""
    span = patch * merge
    xy = grid(rows * span, columns * span).view(rows, merge, patch, columns, merge, patch, 2)
    return xy.permute(0, 3, 1, 4, 2, 5, 6).reshape(-1, 2).contiguous().to(device)


def outline(shape, x, y):
    """Distance to a shape's outline in units of its size, below zero inside; y points down."""
    ax, ay = x.abs(), y.abs()
    length = (x * x + y * y).sqrt()
    out = length - 0.95  # circle
    pick = lambda name, value, out: torch.where(shape == s.SHAPES.index(name), value, out)
    out = pick("square", torch.maximum(ax, ay) - 0.82, out)
    out = pick("triangle", torch.maximum(y, 0.8660254 * ax - 0.5 * y) - 0.55, out)
    first = second = torch.full_like(x, -9.0)  # a star lies outside one of five lines at most
    for k in range(5):
        d = math.sin(0.4 * math.pi * k) * x - math.cos(0.4 * math.pi * k) * y - 0.35
        first, second = torch.maximum(first, d), torch.maximum(second, torch.minimum(first, d))
    out = pick("star", second, out)
    out = pick("cross", torch.minimum(torch.maximum(ax - 0.95, ay - 0.32), torch.maximum(ax - 0.32, ay - 0.95)), out)
    out = pick("ring", (length - 0.72).abs() - 0.22, out)
    hx, hy = ax / 1.75, 0.55 - y / 1.75
    lobe = ((hx - 0.25) ** 2 + (hy - 0.75) ** 2).sqrt() - 0.35355339
    half = 0.5 * (hx + hy).clamp(min=0)
    rest = torch.minimum(hx ** 2 + (hy - 1) ** 2, (hx - half) ** 2 + (hy - half) ** 2).sqrt() * torch.sign(hx - hy)
    return pick("heart", 1.75 * torch.where(hx + hy > 1, lobe, rest), out)


def covers(track, soft, xy, side):
    """How much of each pixel each thing covers: a list over things of [B, F, N]. track: [B, F, SLOTS, THING]; soft: [B], pixels."""
    out = []
    for k in range(track.shape[2]):
        col = lambda i: track[:, :, k, i, None]
        dx, dy = xy[:, 0] - col(s.X), xy[:, 1] - col(s.Y)
        c, sn, size = torch.cos(col(s.TURN)), torch.sin(col(s.TURN)), col(s.SIZE).clamp(min=1e-3)
        d = outline(col(s.SHAPE), (dx * c + dy * sn) / size, (dy * c - dx * sn) / size)
        out.append((0.5 - d * size * side / soft[:, None, None]).clamp(0, 1) * col(s.COVER))
    return out


def paint(track, look, xy, side, grain=True):
    """[B, F, N, 3] in 0 to 1, on the 8-bit grid."""
    col = lambda i: look[:, i, None, None]
    along = (xy[:, 0] - 0.5) * torch.cos(col(s.SLANT)) + (xy[:, 1] - 0.5) * torch.sin(col(s.SLANT))
    waves = 0.5 + 0.5 * torch.sin(along * 6.2831853 * col(s.FREQUENCY) + col(s.PHASE))
    t = torch.where(col(s.GROUND) == s.GRADIENT, along / 1.42 + 0.5, waves) * (col(s.GROUND) != s.PLAIN)
    a, b = look[:, None, None, s.A:s.A + 3], look[:, None, None, s.B:s.B + 3]
    picture = a + (b - a) * t.clamp(0, 1)[..., None]
    for k, cover in enumerate(covers(track, look[:, s.SOFT], xy, side)):
        picture = picture + (track[:, :, k, None, s.RED:s.BLUE + 1] - picture) * cover[..., None]
    picture = (picture - 0.5) * col(s.CONTRAST)[..., None] + 0.5 + col(s.BRIGHT)[..., None]
    if grain:
        picture = picture + torch.randn_like(picture) * col(s.GRAIN)[..., None]
    return (picture.clamp(0, 1) * 255 + 0.5).floor() / 255


def film(track, look, n, height, width, seed=None):
    """A film's n frames, [n, height, width, 3] uint8; a seed adds its grain."""
    if seed is not None:
        torch.manual_seed(seed)
    f32 = lambda x: torch.as_tensor(x, dtype=torch.float32)[None]
    out = paint(f32(track)[:, :n], f32(look), grid(height, width), min(height, width), grain=seed is not None)
    return (out[0] * 255).round().byte().view(n, height, width, 3).numpy()


class Composer:
    """Draws batches on the device: patches [B, GRIDS, tokens · merge², 3 · 2 · patch²], and what each merged token shows."""

    def __init__(self, form, shape, device):
        rows, columns = form
        self.shape, self.n, self.side = shape, rows * columns, float(min(rows, columns) * shape.patch * shape.merge)
        xy = patched(rows, columns, shape.patch, shape.merge)
        pixels = shape.tokens * shape.merge ** 2 * shape.patch ** 2
        self.xy = torch.cat([xy, xy.new_full((pixels - len(xy), 2), -9.0)]).to(device)
        self.some = self.xy[::16].contiguous()  # 49 points of every merged token
        self.side = torch.tensor(self.side, device=device)  # a tensor: one compiled graph for all forms

    def __call__(self, track, look, parts):
        """`parts` is the compiled `patches_and_owners`."""
        patches, shapes, colours = parts(track, look, self.xy, self.some, self.side, self.shape.patch)
        return patches, *(x.masked_fill(torch.arange(x.shape[2], device=x.device) >= self.n, -100) for x in (shapes, colours))


def patches_and_owners(track, look, xy, some, side, patch):
    b, f = track.shape[:2]
    pixels = paint(track, look, xy, side)
    pixels = (pixels - pixels.new_tensor(MEAN)) / pixels.new_tensor(STD)
    pixels = pixels.view(b, f // 2, 2, -1, patch * patch, 3).permute(0, 1, 3, 5, 2, 4).flatten(3).to(torch.bfloat16 if track.is_cuda else torch.float32)
    shapes = torch.full((b, f // 2, len(some) // 49), len(s.SHAPES), device=track.device)
    colours = torch.full_like(shapes, len(s.COLOURS))
    for k, cover in enumerate(covers(track, look[:, s.SOFT], some, side)):
        share = cover.view(b, f // 2, 2, -1, 49).mean((2, 4))
        shapes = torch.where(share > 0.2, track[:, 1::2, k, s.SHAPE, None].long(), shapes)
        colours = torch.where(share > 0.2, track[:, 1::2, k, s.COLOUR, None].long(), colours)
    return pixels, shapes, colours
