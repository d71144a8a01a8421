"""Tokenizers of the audio, the series and the film model: as qwen_tokenizer.py's, with these models' own added tokens.

Trained on our own questions and answers: python -m model.media_tokenizer audio|series|video OUT_FOLDER
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import regex

from .qwen_tokenizer import CHAT_TEMPLATE, OPENING, PLAIN, SPECIAL, SPLIT, SYSTEM, for_segments, train

CHAT = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


class Quick:
    """The same tokenizer with a memory for the pieces that its split makes: many times faster on our few words."""

    def __init__(self, path):
        self.whole, self.known = for_segments(path), {}
        self.added, self.split = regex.compile(r"(<\|\w+\|>)"), regex.compile(SPLIT)

    def encode(self, text):
        ids = []
        for i, part in enumerate(self.added.split(text)):
            for piece in [part] if i % 2 else self.split.findall(part):
                if piece not in self.known:
                    self.known[piece] = self.whole.encode(piece).ids
                ids += self.known[piece]
        return SimpleNamespace(ids=ids)

    def encode_batch(self, texts):
        return [self.encode(t) for t in texts]


class Words:
    """What training needs of a tokenizer: its added tokens' ids and how questions and answers are written."""

    def __init__(self, vocab, added, between, processor):
        self.added, self.vocab, self.between, self.processor = CHAT + added, vocab, between, processor
        self.base = vocab - len(self.added)
        self.ID = {token: self.base + i for i, token in enumerate(self.added)}
        self.EOS = self.ID["<|im_end|>"]

    def segment(self, question):
        """What follows the medium in a prompt; `between` stands before the question."""
        return f"{self.between}{question}<|im_end|>\n<|im_start|>assistant\n"

    def reply(self, answer):
        return answer

    for_segments = staticmethod(Quick)

    def ids(self, path, text):
        return for_segments(path).encode(text).ids


# Qwen2-Audio's own order of added tokens; its prompt: "Audio 1: <|audio_bos|><|AUDIO|>…<|audio_eos|>\n{question}".
AUDIO = Words(1024, ["<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"], "\n", "Qwen2AudioProcessor")
AUDIO_OPENING = SYSTEM + "Audio 1: <|audio_bos|>"
# ChatTS: both marks vanish, and the patches stand where they stood. What stands between series and question varies in training.
SERIES = Words(768, ["<ts>", "<ts/>"], "", None)
# Qwen2.5-VL's own order and template: "<|vision_start|><|video_pad|>…<|vision_end|>{question}".
VIDEO = Words(768, SPECIAL[len(CHAT):] + PLAIN, "", "Qwen2_5_VLProcessor")

AUDIO_TEMPLATE = (
    "{% set audio_count = namespace(value=0) %}{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n"
    "{% else %}{% for content in message['content'] %}{% if 'audio' in content or 'audio_url' in content or message['type'] == 'audio' or content['type'] == 'audio' %}"
    "{% set audio_count.value = audio_count.value + 1 %}Audio {{ audio_count.value }}: <|audio_bos|><|AUDIO|><|audio_eos|>\n"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
SERIES_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def write(folder, form, words, template):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dump = lambda name, value: (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")
    dump("tokenizer.json", form)
    dump("tokenizer_config.json", {
        "add_prefix_space": False, "backend": "tokenizers", "bos_token": None, "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>", "errors": "replace", "extra_special_tokens": [t for t in words.added[1:] if t not in PLAIN], "model_max_length": 4096,
        "pad_token": "<|endoftext|>", **({"processor_class": words.processor} if words.processor else {}), "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer", "unk_token": None})
    (folder / "chat_template.jinja").write_text(template)


def audio_lines(scenes, seed=5):
    """Lines of text as the model meets them."""
    from audio import questions, scenes as drawn, sounds, speech
    rows = {("sound", n): np.array([i]) for i, n in enumerate(sounds.NAMES)} | {("word", n): np.array([0]) for n in speech.SPOKEN}
    rng, n = np.random.default_rng(seed), len(sounds.NAMES)
    library = {"rows": rows, "length": np.full(n, 9000), "pitch": rng.uniform(100, 2000, n) * [x in sounds.PITCHED for x in sounds.NAMES], "glide": np.ones(n)}
    draw, lines = drawn.Scenes(library), [AUDIO_OPENING] * scenes
    for _ in range(scenes):
        for got in questions.ask(draw.sample(rng), rng, 8):
            lines += [AUDIO.segment(got["question"]), got["answer"]]
    return lines + [f" {n} {n.capitalize()} {n}" for n in sounds.NAMES + speech.SPOKEN for _ in range(scenes // 40)]


def series_lines(scenes, seed=5):
    from series import questions, shapes
    rng, lines = np.random.default_rng(seed), [SYSTEM] * scenes
    for _ in range(scenes):
        scene = shapes.sample(rng)
        lines.append(shapes.context(scene, rng)[0])
        for got in questions.ask(scene, rng, 8):
            lines += [SERIES.segment(got["question"]), got["answer"]]
    return lines


def video_lines(scenes, seed=5):
    from video import questions, scenes as drawn
    rng, lines = np.random.default_rng(seed), [OPENING] * scenes
    for _ in range(scenes):
        for got in questions.ask(drawn.sample(rng), rng, 8):
            lines += [VIDEO.segment(got["question"]), got["answer"]]
    return lines + [f" {n} {n.capitalize()} {n}" for n in drawn.SHAPES + drawn.COLOURS for _ in range(scenes // 40)]


def check(path, words, opening):
    """Pieces of a prompt encode alone as they do inside it."""
    whole, quick = for_segments(path), Quick(path)
    marks = [t for t in words.added[3:]]
    for text in ("What is it?", "있나요? 🐱 {x: 1}\n\n  ok", "  two  spaces", "IS THERE A DOG? "):
        pieces = [opening, *marks, words.segment(text), "It is a dog."]
        ids = [i for piece in pieces for i in whole.encode(piece).ids]
        assert whole.encode("".join(pieces)).ids == ids, text
        assert quick.encode(words.segment(text)).ids == whole.encode(words.segment(text)).ids, text
        assert whole.decode(ids, skip_special_tokens=False) == "".join(pieces), text


def main():
    kind, folder = sys.argv[1], Path(sys.argv[2])
    words, make, template, opening = {"audio": (AUDIO, audio_lines, AUDIO_TEMPLATE, AUDIO_OPENING), "series": (SERIES, series_lines, SERIES_TEMPLATE, SYSTEM),
                                      "video": (VIDEO, video_lines, CHAT_TEMPLATE, OPENING)}[kind]
    lines = []
    for line in make(6000):
        for token in words.added:
            line = line.replace(token, "\n\n")
        lines.append(line)
    write(folder, train(lines, words.base, words.ID), words, template)
    check(folder / "tokenizer.json", words, opening)
    part = for_segments(folder / "tokenizer.json")
    print(part.encode(opening + words.segment("What is it?")).tokens)
    names = []
    if kind == "audio":
        from audio import sounds, speech
        names = sounds.NAMES + speech.SPOKEN
    elif kind == "video":
        from video import scenes
        names = scenes.SHAPES + scenes.COLOURS
    print("names of more than one token:", [n for n in names if len(part.encode(" " + n).ids) > 1])


if __name__ == "__main__":
    main()
