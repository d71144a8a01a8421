"""easy-VQA (Victor Zhou, MIT): its pictures, its questions, and its one-word answers as short sentences."""

import re
from functools import lru_cache

import numpy as np
from PIL import Image

from .questions import item

ANSWERS = ["circle", "green", "red", "gray", "yes", "teal", "black", "rectangle", "yellow", "triangle", "brown", "blue", "no"]


@lru_cache(None)
def sentence(question, word):
    """The answer word as the model says it; its first such word is the answer."""
    if word in ("yes", "no"):
        thing = re.search(r"(?:\ba|\bno|contain a|not a) ((?:\w+ )?(?:shape|circle|rectangle|triangle))", question).group(1)
        negative = re.search(r"\bnot\b|\bno\b", question) is not None
        there = (word == "yes") != negative
        return f"{word.capitalize()}, there is {'a' if there else 'no'} {thing}."
    if "color" in question:
        return f"The {re.search(r'(shape|circle|rectangle|triangle)', question).group(1)} is {word}."
    return f"It is a {word}."


def answer_word(text):
    """The first easy-VQA answer word in what the model said, its question's nouns left out."""
    words = re.findall(r"[a-z]+", text.lower())
    if words and words[0] in ("yes", "no"):
        return words[0]
    match = re.search(r"\bis (?:a )?([a-z]+)", text.lower())
    return match.group(1) if match and match.group(1) in ANSWERS else (words[-1] if words else "")


def load(split):
    """({picture number: path}, [(question, answer word, picture number)])"""
    import easy_vqa
    part = {"train": (easy_vqa.get_train_image_paths, easy_vqa.get_train_questions),
            "test": (easy_vqa.get_test_image_paths, easy_vqa.get_test_questions)}[split]
    return part[0](), list(zip(*part[1]()))


def pack(path):
    """Both splits in one file, so that training needs no package: pictures as uint8 and the questions."""
    out = {}
    for split in ("train", "test"):
        paths, questions = load(split)
        out[f"{split}_pictures"] = np.stack([np.asarray(Image.open(paths[i]).convert("RGB")) for i in range(len(paths))])
        out[f"{split}_questions"] = np.array([f"{q}\t{a}\t{i}" for q, a, i in questions])
    np.savez_compressed(path, **out)


def unpack(path, split):
    with np.load(path) as file:
        rows = [r.split("\t") for r in file[f"{split}_questions"].tolist()]
        return file[f"{split}_pictures"], [(q, a, int(i)) for q, a, i in rows]


def as_item(question, word):
    return item("easyvqa", question, sentence(question, word), truth=word)
