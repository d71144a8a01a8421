"""Sounds made by formulas: 46 kinds, each drawn anew from a random generator. 16 kHz, mono.

`make(name, rng)` gives (samples, pitch in Hz or 0, glide: 1 up, -1 down, 0 none). Loudness is evened out
(the loudest 50 ms have the same power), so that gains compare. Textures (rain, wind, …) can be looped.
"""

import numpy as np

RATE = 16000
LONGEST = 32000  # samples of a library clip
KINDS = {
    "animal": ["dog", "cat", "cow", "bird", "frog", "cricket", "bee", "owl", "duck", "sheep", "wolf", "cuckoo", "snake"],
    "instrument": ["piano", "guitar", "violin", "flute", "trumpet", "organ", "drum", "cymbal", "xylophone", "bell", "whistle"],
    "machine": ["beep", "siren", "alarm", "telephone", "horn", "buzzer", "clock", "engine", "helicopter", "train", "laser", "saw"],
    "weather": ["rain", "wind", "thunder"],
    "thing": ["sea", "fire", "drop", "knock", "glass", "door", "pop"],
}
NAMES = [n for names in KINDS.values() for n in names]
TEXTURES = ["rain", "wind", "sea", "fire", "engine", "helicopter", "bee", "cricket"]
PITCHED = ["piano", "guitar", "violin", "flute", "trumpet", "organ", "xylophone", "bell", "beep", "horn"]
MASS = ["rain", "wind", "thunder", "fire"]  # without an article
BARE = {"sea": "the sea"}


def time(seconds):
    return np.arange(int(seconds * RATE)) / RATE


def log_between(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def sing(frequency, partials, spread=0.0):
    """A sum of partials over a running frequency (array in Hz); `partials`: [(multiple, amplitude)]."""
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    return sum(a * np.sin(m * phase + spread * i) * (m * frequency < 7600) for i, (m, a) in enumerate(partials))


def band(x, low, high, slope=0.15):
    """Keeps a band of frequencies, with soft edges."""
    spectrum, f = np.fft.rfft(x), np.fft.rfftfreq(len(x), 1 / RATE) + 1e-3
    gain = 1 / (1 + (low / f) ** (1 / slope)) / (1 + (f / high) ** (1 / slope))
    return np.fft.irfft(spectrum * gain, len(x))


def formants(x, peaks, width=0.12):
    """Shapes a spectrum by peaks [(Hz, gain)]."""
    spectrum, f = np.fft.rfft(x), np.fft.rfftfreq(len(x), 1 / RATE) + 1e-3
    gain = 0.02 + sum(g * np.exp(-0.5 * (np.log(f / p) / width) ** 2) for p, g in peaks)
    return np.fft.irfft(spectrum * gain, len(x))


def rise_fall(t, attack, release):
    n = t[-1] + 1 / RATE
    return np.minimum(1, t / attack) * np.minimum(1, (n - t) / release)


def decay(t, seconds, attack=0.003):
    return np.minimum(1, t / attack) * np.exp(-t / seconds)


def harmonics(count, power, odd=1.0):
    return [(k, k ** -power * (odd if k % 2 == 0 else 1.0)) for k in range(1, count + 1)]


def noise(rng, t):
    return rng.standard_normal(len(t))


def slow(rng, t, rate):
    """A smooth random curve of 0 to 1 that changes `rate` times a second and ends as it began."""
    points = rng.random(max(3, int(rate * len(t) / RATE)))
    return np.interp(np.linspace(0, len(points), len(t)), np.arange(len(points) + 1), np.append(points, points[0]))


def bursts(rng, t, per_second, make):
    """Scattered copies of short sounds that wrap around the end."""
    x = np.zeros(len(t))
    for at in rng.integers(0, len(t), max(1, rng.poisson(per_second * len(t) / RATE))):
        piece = make()
        np.add.at(x, (at + np.arange(len(piece))) % len(t), piece)
    return x


def grain(rng, seconds, low, high):
    t = time(seconds * 6)
    return noise(rng, t) * decay(t, seconds, 0.0005) if high is None else np.sin(2 * np.pi * rng.uniform(low, high) * t) * decay(t, seconds, 0.0005)


def loop(x, fade=2400):
    """Folds the end into the beginning, so that the sound can go round."""
    ramp = np.linspace(0, 1, fade)
    x[:fade] = x[:fade] * np.sqrt(ramp) + x[-fade:] * np.sqrt(1 - ramp)
    return x[:-fade]


def pitch(rng, low=130, high=1900):
    return log_between(rng, low, high)


# One function for each sound: (samples, pitch, glide).

def dog(r):
    t = time(r.uniform(0.14, 0.3))
    f = log_between(r, 220, 620) * (1 + 0.5 * np.exp(-((t / t[-1] - 0.3) / 0.25) ** 2))
    x = sing(f, harmonics(14, 0.7)) + 0.6 * noise(r, t)
    return formants(x, [(r.uniform(600, 1000), 1), (r.uniform(1300, 2000), 0.6)]) * rise_fall(t, 0.012, 0.09), 0, 0


def cat(r):
    t = time(r.uniform(0.5, 1.0))
    u = t / t[-1]
    f = log_between(r, 420, 780) * (1 + r.uniform(0.25, 0.5) * np.sin(np.pi * u ** 0.8)) * (1 + 0.01 * np.sin(2 * np.pi * 6 * t))
    x = sing(f, harmonics(10, 0.8))
    early, late = formants(x, [(900, 0.6), (2600, 1)]), formants(x, [(1100, 1), (1700, 0.5)])
    return (early * (1 - u) + late * u) * rise_fall(t, 0.1, 0.25), 0, 0


def cow(r):
    t = time(r.uniform(0.9, 1.6))
    u = t / t[-1]
    f = log_between(r, 95, 180) * (1 + 0.25 * np.minimum(1, 3 * u) - 0.2 * u ** 3)
    x = sing(f, harmonics(25, 0.6)) + 0.1 * noise(r, t)
    return formants(x, [(r.uniform(250, 350), 1), (r.uniform(600, 800), 0.6), (2300, 0.08)]) * rise_fall(t, 0.15, 0.3), 0, 0


def bird(r):
    t = time(r.uniform(0.35, 0.8))
    f = log_between(r, 2600, 4600) * (1 + r.uniform(0.08, 0.25) * np.sin(2 * np.pi * r.uniform(9, 22) * t + r.uniform(0, 6)))
    return sing(f, [(1, 1), (2, 0.12)]) * (0.55 + 0.45 * np.sin(2 * np.pi * r.uniform(8, 20) * t)) * rise_fall(t, 0.02, 0.05), 0, 0


def frog(r):
    t = time(r.uniform(0.25, 0.5))
    pulses = np.maximum(0, np.sin(2 * np.pi * r.uniform(28, 55) * t)) ** 4
    x = sing(np.full(len(t), log_between(r, 300, 520)), harmonics(8, 0.8))
    return formants(x, [(r.uniform(500, 800), 1), (r.uniform(1500, 2100), 0.5)]) * pulses * rise_fall(t, 0.05, 0.08), 0, 0


def cricket(r):
    t = time(2.0 + 0.15)
    rate = r.uniform(2.2, 4)
    chirp = (np.sin(2 * np.pi * rate * t) > -0.2) * (0.5 + 0.5 * np.sin(2 * np.pi * r.uniform(28, 45) * t))
    return loop(sing(np.full(len(t), r.uniform(4200, 5600)), [(1, 1)]) * chirp), 0, 0


def bee(r):
    t = time(2.0 + 0.15)
    f = log_between(r, 170, 260) * (1 + 0.06 * (slow(r, t, 5) - 0.5))
    return loop(band(sing(f, harmonics(22, 0.5)), 150, 3500) * (0.5 + 0.5 * slow(r, t, 3))), 0, 0


def owl(r):
    f = log_between(r, 320, 460)
    parts = []
    for seconds, rest in ((0.18, 0.1), (r.uniform(0.45, 0.6), 0)):
        t = time(seconds)
        parts += [sing(f * (1 + 0.06 * np.sin(np.pi * t / t[-1])), [(1, 1), (2, 0.12)]) * rise_fall(t, 0.06, 0.1), np.zeros(int(rest * RATE))]
    x = np.concatenate(parts)
    return x + 0.03 * band(noise(r, x), 300, 900), 0, 0


def duck(r):
    t = time(r.uniform(0.16, 0.3))
    f = log_between(r, 170, 280) * (1.1 - 0.25 * t / t[-1])
    return formants(sing(f, harmonics(30, 0.15), 0.5), [(r.uniform(1000, 1400), 1), (r.uniform(2400, 3100), 0.9)], 0.08) * rise_fall(t, 0.015, 0.06), 0, 0


def sheep(r):
    t = time(r.uniform(0.6, 1.1))
    shake = np.sin(2 * np.pi * r.uniform(7, 11) * t)
    f = log_between(r, 260, 420) * (1 + 0.04 * shake)
    return formants(sing(f, harmonics(18, 0.4)), [(700, 1), (1250, 0.6), (2700, 0.5)]) * (0.6 + 0.4 * shake) * rise_fall(t, 0.05, 0.15), 0, 0


def wolf(r):
    t = time(r.uniform(1.4, 1.9))
    u = t / t[-1]
    f = log_between(r, 330, 500) * (1 + 0.7 * np.minimum(1, u / 0.3) - 0.5 * np.maximum(0, u - 0.6)) * (1 + 0.008 * np.sin(2 * np.pi * 5 * t))
    return sing(f, [(1, 1), (2, 0.4), (3, 0.12)]) * rise_fall(t, 0.2, 0.4), 0, 0


def cuckoo(r):
    f = log_between(r, 480, 700)
    parts = []
    for step, seconds in ((1.0, 0.2), (0.8, 0.32)):
        t = time(seconds)
        parts += [sing(np.full(len(t), f * step), [(1, 1), (2, 0.2), (3, 0.05)]) * rise_fall(t, 0.03, 0.09), np.zeros(int(0.06 * RATE))]
    return np.concatenate(parts), 0, 0


def snake(r):
    t = time(r.uniform(0.7, 1.4))
    return band(noise(r, t), r.uniform(3200, 4500), 8000, 0.05) * rise_fall(t, 0.12, 0.3), 0, 0


def piano(r):
    t, f = time(1.4), pitch(r)
    x = sum(k ** -1.1 * np.sin(2 * np.pi * f * k * np.sqrt(1 + 0.0004 * k * k) * t + k) * np.exp(-t * (1.5 + 0.9 * k)) for k in range(1, 11) if f * k < 7600)
    return x * np.minimum(1, t / 0.003) + 0.05 * noise(r, t) * decay(t, 0.008), f, 0


def guitar(r):
    f = pitch(r, 110, 1000)
    t = time(1.2)
    x = np.zeros(len(t))
    bright, spot = r.uniform(0.5, 0.9), r.uniform(0.12, 0.3)
    for k in range(1, int(min(30, 7600 / f)) + 1):
        x += np.sin(np.pi * k * spot) / k * np.cos(2 * np.pi * f * k * t) * np.exp(-t * (3 + bright * k * 1.6))
    return x * np.minimum(1, t / 0.001), f, 0


def violin(r):
    t, f = time(r.uniform(0.6, 1.4)), pitch(r, 200, 1900)
    vibrato = 1 + 0.008 * np.sin(2 * np.pi * r.uniform(5, 6.5) * t) * np.minimum(1, t / 0.3)
    x = sing(f * vibrato, harmonics(20, 0.9), 1.3) + 0.03 * noise(r, t)
    return formants(x, [(500, 1), (1200, 0.8), (2800, 0.7), (5000, 0.2)], 0.4) * rise_fall(t, 0.12, 0.15), f, 0


def flute(r):
    t, f = time(r.uniform(0.5, 1.2)), pitch(r, 250, 2000)
    breath = band(noise(r, t), f * 0.8, min(7000, f * 3)) * 0.12
    return (sing(np.full(len(t), f), [(1, 1), (2, 0.25), (3, 0.08)]) * (1 + 0.1 * np.sin(2 * np.pi * 5 * t)) + breath) * rise_fall(t, 0.06, 0.1), f, 0


def trumpet(r):
    t, f = time(r.uniform(0.45, 1.0)), pitch(r, 160, 1000)
    swell = np.minimum(1, t / 0.09)
    x = sum(a * np.sin(2 * np.pi * f * k * t) * swell ** (k / 2) for k, a in harmonics(14, 0.35) if f * k < 7600)
    return formants(x, [(1300, 1), (700, 0.6), (2500, 0.5)], 0.5) * rise_fall(t, 0.02, 0.08), f, 0


def organ(r):
    t, f = time(r.uniform(0.7, 1.5)), pitch(r, 120, 900)
    x = sing(np.full(len(t), f), [(0.5, 0.5), (1, 1), (2, 0.8), (3, 0.5), (4, 0.6), (6, 0.3), (8, 0.35)], 1.1)
    return x * rise_fall(t, 0.015, 0.04), f, 0


def drum(r):
    t, f = time(0.4), log_between(r, 55, 95)
    return np.sin(2 * np.pi * np.cumsum(f * (1 + 2.5 * np.exp(-t / 0.02))) / RATE) * decay(t, r.uniform(0.08, 0.16), 0.001) + 0.15 * band(noise(r, t), 200, 3000) * decay(t, 0.008), 0, 0


def cymbal(r):
    t = time(1.3)
    metal = sum(np.sign(np.sin(2 * np.pi * f * t)) for f in r.uniform(2000, 7000, 6))
    return band(metal + 3 * noise(r, t), 3000, 8000) * decay(t, r.uniform(0.25, 0.5), 0.001), 0, 0


def xylophone(r):
    t, f = time(0.5), pitch(r, 350, 2000)
    return np.sin(2 * np.pi * f * t) * decay(t, 0.11, 0.001) + 0.35 * np.sin(2 * np.pi * 3.93 * f * t) * (3.93 * f < 7800) * decay(t, 0.03, 0.001) + 0.1 * noise(r, t) * decay(t, 0.004), f, 0


def bell(r):
    t, f = time(1.9), pitch(r, 250, 1500)
    parts = [(0.5, 0.4, 1.0), (1, 1, 0.8), (1.19, 0.6, 0.6), (1.5, 0.4, 0.5), (2, 0.8, 0.4), (2.74, 0.5, 0.25), (4.07, 0.3, 0.15)]
    return sum(a * np.sin(2 * np.pi * f * m * t) * decay(t, s * r.uniform(0.8, 1.1), 0.002) for m, a, s in parts if f * m < 7800), f, 0


def whistle(r):
    t = time(r.uniform(0.4, 0.9))
    way = (-1, 0, 1)[int(r.integers(0, 3))]
    f = log_between(r, 900, 1900) * np.exp(way * r.uniform(0.5, 0.8) * (t / t[-1] - 0.5))
    return (sing(f, [(1, 1), (2, 0.05)]) + 0.04 * band(noise(r, t), 800, 4000)) * rise_fall(t, 0.05, 0.06), 0, way


def beep(r):
    t, f = time(r.uniform(0.12, 0.4)), pitch(r, 160, 2600)
    return sing(np.full(len(t), f), [(1, 1)]) * rise_fall(t, 0.005, 0.008), f, 0


def siren(r):
    t = time(r.uniform(1.3, 1.9))
    f = log_between(r, 600, 900) * (1 + 0.35 * np.sin(2 * np.pi * r.uniform(0.8, 2) * t + r.uniform(0, 6)))
    return sing(f, harmonics(8, 1.0)) * rise_fall(t, 0.05, 0.1), 0, 0


def alarm(r):
    t = time(r.uniform(0.8, 1.4))
    f = np.where(np.sin(2 * np.pi * r.uniform(3, 5) * t) > 0, 1.0, r.uniform(1.2, 1.35)) * log_between(r, 750, 1300)
    return sing(f, harmonics(7, 1.0, 0.1)) * rise_fall(t, 0.01, 0.02), 0, 0


def telephone(r):
    t = time(r.uniform(0.7, 1.2))
    gate = 0.55 + 0.45 * np.sign(np.sin(2 * np.pi * r.uniform(16, 26) * t))
    f = log_between(r, 900, 1400)
    return (np.sin(2 * np.pi * f * t) + np.sin(2 * np.pi * f * 1.26 * t) + 0.4 * np.sin(2 * np.pi * f * 2.7 * t)) * gate * rise_fall(t, 0.005, 0.1), 0, 0


def horn(r):
    t, f = time(r.uniform(0.35, 0.9)), pitch(r, 200, 520)
    x = sing(np.full(len(t), f), harmonics(16, 0.5)) + sing(np.full(len(t), f * 1.26), harmonics(16, 0.5), 0.7)
    return band(x, 250, 3500) * rise_fall(t, 0.02, 0.05), f, 0


def buzzer(r):
    t = time(r.uniform(0.4, 0.9))
    f = log_between(r, 90, 150)
    return np.clip(4 * sing(np.full(len(t), f), harmonics(30, 0.6)), -1, 1) * rise_fall(t, 0.004, 0.01), 0, 0


def clock(r):
    t = time(0.12)
    f = log_between(r, 1800, 3800)
    return (np.sin(2 * np.pi * f * t) + 0.5 * np.sin(2 * np.pi * 1.6 * f * t)) * decay(t, 0.007, 0.0005) + 0.4 * noise(r, t) * decay(t, 0.002, 0.0003), 0, 0


def engine(r):
    t = time(2.0 + 0.15)
    f = log_between(r, 28, 60) * (1 + 0.04 * (slow(r, t, 3) - 0.5))
    fire = np.maximum(0, np.sin(2 * np.pi * np.cumsum(f) / RATE)) ** 6
    return loop(band((noise(r, t) * 0.6 + sing(f * 2, harmonics(20, 0.5))) * (0.15 + fire), 50, 900)), 0, 0


def helicopter(r):
    t = time(2.0 + 0.15)
    blades = np.maximum(0, np.sin(2 * np.pi * r.uniform(9, 15) * t)) ** 5
    return loop(band(noise(r, t), 60, 600) * (0.1 + blades) + 0.04 * band(noise(r, t), 1500, 5000)), 0, 0


def train(r):
    t = time(r.uniform(1.2, 1.9))
    chuff = np.mod(t * r.uniform(3.5, 5.5), 1)
    return band(noise(r, t), 700, 5000) * np.exp(-chuff * 5) * rise_fall(t, 0.05, 0.1) + 0.8 * band(noise(r, t), 80, 300) * np.exp(-chuff * 4), 0, 0


def laser(r):
    t = time(r.uniform(0.18, 0.4))
    f = 250 + log_between(r, 2500, 5500) * np.exp(-t / r.uniform(0.05, 0.1))
    return sing(f, harmonics(4, 1.2, 0.4)) * rise_fall(t, 0.003, 0.06), 0, 0


def saw(r):
    t = time(r.uniform(0.9, 1.6))
    stroke = np.sin(2 * np.pi * r.uniform(1.6, 2.8) * t)
    teeth = 0.6 + 0.4 * np.sign(np.sin(2 * np.pi * np.cumsum(60 + 60 * np.abs(stroke)) / RATE))
    return formants(noise(r, t), [(1400, 1), (3200, 0.8)], 0.25) * teeth * np.abs(stroke) ** 0.6 * np.where(stroke > 0, 1, 0.6), 0, 0


def rain(r):
    t = time(2.0 + 0.15)
    drops = bursts(r, t, r.uniform(120, 400), lambda: r.uniform(0.2, 1) * grain(r, 0.0015, 2000, None))
    return loop(band(0.12 * noise(r, t) + drops, 900, 7800)), 0, 0


def wind(r):
    t = time(2.0 + 0.15)
    x, height = np.zeros(len(t)), slow(r, t, 2)
    for i, centre in enumerate((250, 400, 650, 1000)):
        x += formants(noise(r, t), [(centre, 1)], 0.15) * np.exp(-8 * (height - i / 3) ** 2)
    return loop(x * (0.4 + 0.6 * slow(r, t, 2))), 0, 0


def thunder(r):
    t = time(1.9)
    crack = band(noise(r, t), 200, 4000) * decay(t, 0.06, 0.002) * r.uniform(0.3, 1)
    return crack + 1.5 * band(noise(r, t), 25, 160) * decay(t, 0.6, 0.05) * (0.3 + 0.7 * slow(r, t, 9)), 0, 0


def sea(r):
    t = time(2.0 + 0.15)
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 0.5 * t + r.uniform(0, 6))
    return loop(band(noise(r, t), 200, 1500) * (0.25 + swell) + 0.6 * band(noise(r, t), 1500, 6000) * swell ** 3), 0, 0


def fire(r):
    t = time(2.0 + 0.15)
    crackle = bursts(r, t, r.uniform(9, 22), lambda: r.uniform(0.3, 2) * grain(r, r.uniform(0.001, 0.004), 0, None))
    return loop(crackle + 0.06 * band(noise(r, t), 60, 500)), 0, 0


def drop(r):
    t = time(0.16)
    f = log_between(r, 500, 900) * (1 + 1.6 * (t / t[-1]) ** 1.5)
    return sing(f, [(1, 1)]) * decay(t, 0.035, 0.004), 0, 0


def knock(r):
    t, f = time(0.2), log_between(r, 150, 320)
    return sum(a * np.sin(2 * np.pi * f * m * t) * decay(t, s, 0.0008) for m, a, s in ((1, 1, 0.03), (2.3, 0.6, 0.015), (4.1, 0.4, 0.008))) + 0.4 * band(noise(r, t), 300, 2500) * decay(t, 0.006, 0.0005), 0, 0


def glass(r):
    t = time(0.9)
    x = 0.8 * band(noise(r, t), 2500, 8000) * decay(t, 0.03, 0.001)
    for _ in range(int(r.integers(9, 16))):
        at, f = int(len(t) * r.uniform(0, 0.45) ** 1.3), r.uniform(2500, 7200)
        piece = time(0.3)
        piece = np.sin(2 * np.pi * f * piece) * decay(piece, r.uniform(0.02, 0.07), 0.0005) * r.uniform(0.2, 0.9)
        x[at:at + len(piece)] += piece[:len(x) - at]
    return x, 0, 0


def door(r):
    t = time(r.uniform(0.7, 1.3))
    rate = log_between(r, 35, 60) * (0.6 + 0.8 * slow(r, t, 3))
    pulses = np.maximum(0, np.sin(2 * np.pi * np.cumsum(rate) / RATE)) ** 30
    f = r.uniform(600, 800) * (1 + 0.3 * slow(r, t, 3))
    return formants(pulses, [(700, 1), (1600, 1), (2900, 0.8)], 0.1) * (1 + 0.4 * np.sin(2 * np.pi * np.cumsum(f) / RATE)) * rise_fall(t, 0.1, 0.15), 0, 0


def pop(r):
    t = time(0.12)
    return band(noise(r, t), 150, 5000) * decay(t, 0.012, 0.0003) + np.sin(2 * np.pi * np.cumsum(300 * np.exp(-t / 0.02)) / RATE) * decay(t, 0.02, 0.0005), 0, 0


def level(x):
    """The same power in the loudest 50 ms, ends faded: 0.1 RMS."""
    x = np.asarray(x, np.float64)[:LONGEST]
    power = np.convolve(x * x, np.ones(800) / 800, "same") if len(x) > 800 else np.array([np.mean(x * x)])
    return x * (0.1 / np.sqrt(power.max() + 1e-12))


def make(name, rng):
    samples, hertz, glide = globals()[name](rng)
    samples = level(samples)
    if name not in TEXTURES:
        n = min(80, len(samples) // 8)
        samples[-n:] *= np.linspace(1, 0, n)
    return samples.astype(np.float32), float(hertz), int(glide)
