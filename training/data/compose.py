"""Draws scenes on the device in batches: atlas cells are placed, turned, tinted and laid over a ground."""

import copy

import torch
import torch.nn.functional as F

from . import scenes as s

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def pyramid(cells):
    """[N, 128, 128, 4] uint8 -> [N, 4, 128, 192] with the half and quarter sizes beside the full one."""
    full = torch.as_tensor(cells).permute(0, 3, 1, 2)
    n, _, size, _ = full.shape
    out = torch.zeros(n, 4, size, size + size // 2, dtype=torch.uint8)
    out[..., :size] = full
    for start in range(0, n, 256):
        part = full[start:start + 256].float()
        out[start:start + 256, :, :size // 2, size:] = F.avg_pool2d(part, 2).round().byte()
        out[start:start + 256, :, size // 2:size // 2 + size // 4, size:size + size // 4] = F.avg_pool2d(part, 4).round().byte()
    return out


class Composer:
    def __init__(self, cells, things_of_cells, size, patch, device):
        self.textures = pyramid(cells).to(device)
        self.cell = cells.shape[1]
        self.things = torch.as_tensor(things_of_cells, device=device)  # class of each cell
        self.mean = torch.tensor(MEAN, device=device).view(3, 1, 1)
        self.std = torch.tensor(STD, device=device).view(3, 1, 1)
        self._frame(size, size, patch)

    def _frame(self, height, width, patch):
        axis = lambda n: (torch.arange(n, device=self.mean.device) + 0.5) / n
        self.y, self.x = torch.meshgrid(axis(height), axis(width), indexing="ij")
        self.frame, self.grid, self.size = (height, width), (height // patch, width // patch), min(height, width)

    def framed(self, height, width, patch):
        """The same drawings in a picture of another form: sizes are in units of its shorter side."""
        other = copy.copy(self)
        other._frame(height, width, patch)
        return other

    def ground(self, look):
        col = lambda i: look[:, i].view(-1, 1, 1)
        c, sn = torch.cos(col(s.TURN)), torch.sin(col(s.TURN))
        along = (self.x - 0.5) * c + (self.y - 0.5) * sn
        kind = col(s.GROUND)
        rough = torch.rand(look.shape[0], 1, 14, 14, device=look.device)
        rough = F.interpolate(rough, self.frame, mode="bicubic", align_corners=False)[:, 0]
        waves = 0.5 + 0.5 * torch.sin(along * 6.283 * col(s.FREQ))
        t = torch.where(kind == 1, along / 1.42 + 0.5, torch.where(kind == 2, rough * col(s.NOISE) * 3, waves))
        t = torch.where(kind == 0, torch.zeros_like(t), t).unsqueeze(1)
        a, b = look[:, s.A:s.A + 3, None, None], look[:, s.B:s.B + 3, None, None]
        return a + (b - a) * t

    def placed(self, place):
        """One slot of drawings: premultiplied colour [B,3,S,S] and cover [B,1,S,S]."""
        col = lambda i: place[:, i].view(-1, 1, 1)
        index = place[:, s.CELL].long()
        dx, dy = self.x - col(s.CX), self.y - col(s.CY)
        if self.frame[0] != self.frame[1]:
            dy, dx = dy * (self.frame[0] / self.size), dx * (self.frame[1] / self.size)
        c, sn = torch.cos(col(s.ANGLE)), torch.sin(col(s.ANGLE))
        half = col(s.SIZE).clamp(min=0.01) / 2
        v = (dy * c - dx * sn) / (half * col(s.ASPECT).clamp(min=0.01))
        u = ((dx * c + dy * sn) / half + v * col(s.SHEAR)) * (1 - 2 * col(s.FLIP))
        inside = ((u.abs() < 1) & (v.abs() < 1) & (index >= 0).view(-1, 1, 1)).unsqueeze(1)
        pixels = place[:, s.SIZE] * self.size
        level = (pixels < self.cell * 0.62).long() + (pixels < self.cell * 0.31).long()
        width = (self.cell >> level).float().view(-1, 1, 1)
        x0 = torch.where(level > 0, float(self.cell), 0.0).view(-1, 1, 1)
        y0 = torch.where(level > 1, self.cell / 2, 0.0).view(-1, 1, 1)
        edge = 1 - 1 / width
        px = x0 + (u.clamp(-edge, edge) + 1) / 2 * width
        py = y0 + (v.clamp(-edge, edge) + 1) / 2 * width
        tall, wide = self.textures.shape[2:]
        where = torch.stack([px / wide * 2 - 1, py / tall * 2 - 1], -1)
        cell = self.textures[index.clamp(min=0)].float() / 255
        drawn = F.grid_sample(cell, where, align_corners=False, padding_mode="border") * inside
        colour, cover = drawn[:, :3], drawn[:, 3:]
        gray = colour.mean(1, keepdim=True)
        colour = (gray + (colour - gray) * col(s.VIVID).unsqueeze(1)) * place[:, s.RED:s.BLUE + 1, None, None]
        return torch.minimum(colour.clamp(min=0), cover), cover

    @torch.no_grad()
    def __call__(self, place, look):
        """(pixels in [0, 1] on the 8-bit grid [B,3,S,S], class of each patch [B,G*G], -1 for the ground)"""
        picture = self.ground(look)
        owner = torch.full((len(place), self.grid[0] * self.grid[1]), -1, device=place.device)
        for slot in range(place.shape[1]):
            colour, cover = self.placed(place[:, slot])
            picture = picture * (1 - cover) + colour
            share = F.adaptive_avg_pool2d(cover, self.grid).flatten(1)
            index = place[:, slot, s.CELL].long()
            owner = torch.where(share > 0.3, self.things[index.clamp(min=0)].view(-1, 1), owner)
        return self.finish(picture, look), owner

    def finish(self, picture, look):
        col = lambda i: look[:, i].view(-1, 1, 1, 1)
        gray = picture.mean(1, keepdim=True)
        picture = gray + (picture - gray) * col(s.SATURATION)
        picture = (picture - 0.5) * col(s.CONTRAST) + 0.5 + col(s.BRIGHT)
        soft = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)
        picture = picture + (soft - picture) * col(s.BLUR)
        coarse = F.interpolate(F.adaptive_avg_pool2d(picture, 6), self.frame, mode="bilinear", align_corners=False)
        picture = picture + (coarse - picture) * col(s.FADE)
        picture = picture + torch.randn_like(picture) * col(s.GRAIN)
        return (picture.clamp(0, 1) * 255).round() / 255

    def normalise(self, pixels):
        return (pixels - self.mean) / self.std
