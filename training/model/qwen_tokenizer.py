"""The Qwen family's tokenizer: byte-level BPE behind Qwen2's split, NFC, Qwen's added tokens and chat template.

Trained on our own questions and answers: python -m model.qwen_tokenizer OUT_FOLDER
"""

import json
import sys
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from .tokenizer import corpus

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
]
PLAIN = [  # added, but not special
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>",
    "<|file_sep|>",
]
VOCAB = 1408
BASE = VOCAB - len(SPECIAL) - len(PLAIN)
ID = {token: BASE + i for i, token in enumerate(SPECIAL + PLAIN)}
EOS = ID["<|im_end|>"]

SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
OPENING = SYSTEM + "<|vision_start|>"  # what stands before the picture's tokens


def segment(question):
    """What follows the picture and <|vision_end|> in a prompt."""
    return f"{question}<|im_end|>\n<|im_start|>assistant\n"


def reply(answer):
    return answer


def prompt(question):
    return f"{OPENING}<|image_pad|><|vision_end|>{segment(question)}"


def train(lines, base=BASE, numbered=ID):
    """The file's content: `base` entries learned from the lines, then added tokens as `numbered`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=base, show_progress=False, min_frequency=2, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    model = json.loads(tokenizer.to_str())["model"]
    assert len(model["vocab"]) == base, len(model["vocab"])
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            {"id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": token not in PLAIN} for token, number in numbered.items()],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False}, byte_level]},
        "post_processor": byte_level, "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
            "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": model["vocab"],
            "merges": [m if isinstance(m, list) else m.split(" ") for m in model["merges"]]},
    }


def for_segments(path):
    """Pieces of a prompt encode alone as they do inside it: nothing to change here."""
    return Tokenizer.from_file(str(path))


def prefix(path):
    return for_segments(path).encode(OPENING).ids


def check(path):
    whole = for_segments(path)
    for text in ("What is it?", "있나요? 🐱 {x: 1}\n\n  ok", "  two  spaces", "IS THERE A DOG? "):
        pieces = [OPENING, "<|image_pad|>", "<|vision_end|>", segment(text), reply("It is a dog.")]
        ids = [i for piece in pieces for i in whole.encode(piece).ids]
        assert whole.encode("".join(pieces)).ids == ids, text
        assert whole.decode(ids, skip_special_tokens=False) == "".join(pieces), text
    return len(prefix(path))


CHAT_TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}"
    "<|im_end|>\n{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in "
    "content or 'image_url' in content %}{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}"
    "Picture {{ image_count.value }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>{% elif content['type'] "
    "== 'video' or 'video' in content %}{% set video_count.value = video_count.value + 1 %}{% if add_vision_id %}"
    "Video {{ video_count.value }}: {% endif %}<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in content "
    "%}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}"
    "<|im_start|>assistant\n{% endif %}")


def write(folder, form):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dump = lambda name, value: (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")
    dump("tokenizer.json", form)
    dump("tokenizer_config.json", {
        "add_prefix_space": False, "backend": "tokenizers", "bos_token": None, "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>", "errors": "replace", "extra_special_tokens": SPECIAL[1:], "model_max_length": 4096,
        "pad_token": "<|endoftext|>", "processor_class": "Qwen2_5_VLProcessor", "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer", "unk_token": None})
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    template = OPENING + "|" + segment("")
    for token in SPECIAL:
        template = template.replace(token, "|")
    write(out, train(corpus(6000, segment=str, reply=str, opening=template.replace("|", "\n\n"))))
    print("prefix tokens:", check(out / "tokenizer.json"))
    part = for_segments(out / "tokenizer.json")
    from data.things import things
    print("names of more than one token:", [n for n, _, _ in things() if len(part.encode(" " + n).ids) > 1])
    print(part.encode(prompt("What is it?")).tokens)
