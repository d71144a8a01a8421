"""Puts scenes together on the GPU and makes the log-mel features that WhisperFeatureExtractor makes of them."""

import numpy as np
import torch

from .scenes import LENGTH, SLOTS
from .sounds import LONGEST

MELS = 128


def filters():
    """[201, 128], Slaney's scale and norm, 0 to 8000 Hz."""
    low = lambda f: 3 * f / 200
    to_mel = lambda f: np.where(f < 1000, low(f), 15 + 27 * np.log(np.maximum(f, 1) / 1000) / np.log(6.4))
    to_hertz = lambda m: np.where(m < 15, 200 * m / 3, 1000 * np.exp(np.log(6.4) * (m - 15) / 27))
    edges = to_hertz(np.linspace(0, to_mel(np.array(8000.0)), MELS + 2))
    bins = np.linspace(0, 8000, 201)
    up = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    down = (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(up, down)) * (2 / (edges[2:] - edges[:-2]))


def mix(library, lengths, slots, look, hiss):
    """Waveforms [B, LENGTH]. library: f16, flat; slots and look as scenes.py has them; hiss: noise [B, LENGTH]."""
    t = torch.arange(LENGTH, device=slots.device, dtype=torch.float32)[None]
    out = hiss * look[:, 1:2]
    for k in range(SLOTS):
        row, start, n, speed, gain, fade = slots[:, k].split(1, 1)
        row = row.long()
        since = t - start
        at = torch.remainder(since.clamp(min=0) * speed, (lengths[row] - 1).float())
        first = at.floor()
        index = row * LONGEST + first.long()
        value = torch.lerp(library[index].float(), library[index + 1].float(), at - first)
        edge = (torch.minimum(since, n - since) / fade.clamp(min=1)).clamp(0, 1)
        out = out + value * edge * gain
    out = (out * look[:, 2:3]).clamp(-1, 1)
    return torch.where(t < look[:, :1], out, 0.0)


def log_mel(wave, bank, gain=None):
    """[B, samples] -> [B, 128, samples / 160]; `gain` [B, 201] colours the sound as a microphone does."""
    spectrum = torch.stft(wave, 400, 160, window=torch.hann_window(400, device=wave.device), return_complex=True)[..., :-1]
    power = spectrum.real.square() + spectrum.imag.square()
    if gain is not None:
        power = power * gain[:, :, None]
    x = torch.log10((bank.T @ power).clamp(min=1e-10))
    return (torch.maximum(x, x.amax((1, 2), keepdim=True) - 8) + 4) / 4


class Composer:
    def __init__(self, library, device):
        self.library = torch.from_numpy(library["samples"]).to(device).flatten()
        self.library = torch.cat([self.library, self.library[:8]])
        self.lengths = torch.from_numpy(library["length"]).to(device)
        self.bank = torch.from_numpy(filters()).float().to(device)
        self.mix = torch.compile(mix, dynamic=False) if device == "cuda" else mix

    def wave(self, slots, look):
        return self.mix(self.library, self.lengths, slots, look, torch.randn(len(look), LENGTH, device=look.device))

    def __call__(self, slots, look, coloured=True):
        """(features [B, 128, 600], heard mel frames [B])"""
        gain = None
        if coloured:  # a smooth curve of up to 4 dB over the frequencies
            x = torch.linspace(0, 1, 201, device=look.device)[None]
            a, b = torch.randn(2, len(look), 1, device=look.device)
            gain = 10 ** ((1.5 * a * torch.cos(3.14 * x) + b * torch.cos(6.28 * x) + 2 * look[:, 3:4] * (2 * x - 1)).clamp(-4, 4) / 10)
        with torch.autocast(look.device.type, enabled=False):
            return log_mel(self.wave(slots, look), self.bank, gain), (look[:, 0].long() - 1) // 160 + 1
