"""Spoken words: espeak-ng says them in many voices. Needs the program (Debian package espeak-ng); ESPEAK names another one."""

import os
import subprocess

import numpy as np

from .sounds import LONGEST, RATE, level

WORDS = {
    "number": ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
    "color": ["red", "blue", "green", "yellow", "black", "white", "orange", "purple"],
    "animal": ["dog", "cat", "horse", "fish", "lion", "mouse"],
    "fruit": ["apple", "banana", "lemon", "cherry"],
    "day": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
    "word": ["yes", "no", "stop", "go", "left", "right", "up", "down", "hello", "goodbye", "thanks", "please", "water", "coffee", "bread",
             "house", "music", "window", "river", "summer", "winter", "doctor", "teacher", "paper", "money"],
}
SPOKEN = [w for words in WORDS.values() for w in words]
BASES = ["en-gb", "en-us", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029", "en-us-nyc"]
KNOWN = ["", "+m1", "+m2", "+m3", "+m5", "+m6", "+m8", "+f1", "+f2", "+f3", "+f5", "+Andy", "+Annie", "+Denis", "+linda", "+steph"]
HELD_OUT = ["+m4", "+m7", "+f4", "+belinda"]  # voices that no training run hears


def voices(held_out=False):
    return [base + kind for base in BASES for kind in (HELD_OUT if held_out else KNOWN)]


def say(word, voice, pitch=50, speed=150):
    """One word as 16 kHz samples, silence cut off both ends, evened out in loudness."""
    program = os.environ.get("ESPEAK", "espeak-ng")
    wav = subprocess.run([program, "-v", voice, "-p", str(pitch), "-s", str(speed), "--stdout", word], check=True, capture_output=True).stdout
    rate = int.from_bytes(wav[24:28], "little")
    x = np.frombuffer(wav[44:len(wav) - len(wav) % 2], "<i2").astype(np.float64) / 32768
    n = round(len(x) * RATE / rate)
    x = np.fft.irfft(np.fft.rfft(x)[:n // 2 + 1], n) * (n / len(x))
    loud = np.flatnonzero(np.abs(x) > 0.01 * np.abs(x).max())
    return level(x[loud[0]:loud[-1] + 1][:LONGEST]).astype(np.float32)


def drawn(word, rng, held_out=False):
    names = voices(held_out)
    return say(word, names[int(rng.integers(len(names)))], int(rng.integers(20, 85)), int(rng.integers(115, 200)))
