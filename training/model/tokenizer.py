"""The tokenizer: BPE with byte fallback and "▁" for spaces, laid out as Llama's.

Trained on our own questions and answers: python -m model.tokenizer OUT_FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

VOCAB = 1536
BYTES = [f"<0x{i:02X}>" for i in range(256)]
UNK, BOS, EOS, IMAGE, PAD = 0, 1, 2, VOCAB - 2, VOCAB - 1


def segment(question):
    """What follows the image tokens in a prompt."""
    return f"\n{question} ASSISTANT:"


def reply(answer):
    """What the model says, as it follows the segment."""
    return " " + answer


def corpus(images, seed=5, segment=segment, reply=reply, opening=" USER: "):
    """Lines of text as the model meets them: the words of all questions, answers and names."""
    from data.atlas import load
    from data.samples import ask
    from data.scenes import Catalogue, sample
    from data.things import ALIASES, STRANGERS, plural, things
    from data.easyvqa import sentence, unpack
    from data.atlas import CACHE

    cat, rng = Catalogue(load()[1]), np.random.default_rng(seed)
    lines = [opening] * images
    for _ in range(images):
        for got in ask(sample(cat, rng), cat, rng, 8):
            lines += [segment(got["question"]), reply(got["answer"])]
    for question, word, _ in unpack(CACHE / "easyvqa.npz", "train")[1][::20]:
        lines += [segment(question), reply(sentence(question, word))]
    names = [n for n, _, _ in things()] + [x for v in ALIASES.values() for x in v]
    lines += [f" {n} {n.capitalize()} {n}" for n in names for _ in range(images // 40)]
    lines += [f" {plural(n)}" for n in names for _ in range(images // 80)]
    lines += [f" {n}" for n in STRANGERS for _ in range(images // 400)]
    return lines


def train(lines):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    # No merge crosses a space, a line break or punctuation, so chunks of a text encode as the whole does.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split("\n", "removed"), pre_tokenizers.Metaspace(prepend_scheme="never"), pre_tokenizers.Punctuation("isolated"),
        pre_tokenizers.Digits(individual_digits=True)])
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=VOCAB - 2, special_tokens=["<unk>", "<s>", "</s>", *BYTES], show_progress=False,
        initial_alphabet=["▁"] + [chr(c) for c in range(33, 127)]))
    form = json.loads(tokenizer.to_str())
    assert len(form["model"]["vocab"]) == VOCAB - 2
    special = lambda i, text: {"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    form["added_tokens"] = [special(UNK, "<unk>"), special(BOS, "<s>"), special(EOS, "</s>"), special(IMAGE, "<image>"), special(PAD, "<pad>")]
    form["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    form["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    form["post_processor"] = {"type": "TemplateProcessing", "single": [bos, {"Sequence": {"id": "A", "type_id": 0}}],
                              "pair": [bos, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
                              "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}}}
    return form


def for_segments(path):
    """The same tokenizer for texts that do not stand at the beginning: no "▁" is put in front."""
    form = json.loads(Path(path).read_text())
    form["pre_tokenizer"]["prepend_scheme"] = "never"
    form["post_processor"] = None
    return Tokenizer.from_str(json.dumps(form))


def check(path):
    whole, part = Tokenizer.from_file(str(path)), for_segments(path)
    for text in ("What is it?", "있나요? 🐱 {x: 1}\n\n  ok", "  two  spaces", "IS THERE A DOG?"):
        full = f"USER: <image>\n{text} ASSISTANT: It is a dog."
        pieces = whole.encode("USER: ").ids + [IMAGE] + part.encode(segment(text)).ids + part.encode(" It is a dog.").ids
        assert whole.encode(full).ids == pieces, (text, whole.encode(full).tokens)
        assert whole.decode(part.encode(segment(text)).ids[1:], skip_special_tokens=False).strip() == f"{text} ASSISTANT:".strip(), text
    return len(whole.encode("USER: ").ids)


CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    "{# Render all images first #}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{# Render all text next #}{% if message['role'] != 'assistant' %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}"
    "{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}")


def write(folder, form):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dump = lambda name, value: (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")
    dump("tokenizer.json", form)
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    dump("special_tokens_map.json", {**named, "image_token": "<image>"})
    dump("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "processor_class": "LlavaProcessor", **named, "image_token": "<image>",
        "extra_special_tokens": {"image_token": "<image>"}, "add_bos_token": True, "add_eos_token": False, "clean_up_tokenization_spaces": False,
        "model_max_length": 4096, "padding_side": "left",
        "added_tokens_decoder": {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in form["added_tokens"]}})
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    write(out, train(corpus(6000)))
    print("prefix tokens:", check(out / "tokenizer.json"))
    part = for_segments(out / "tokenizer.json")
    from data.things import things
    long = [n for n, _, _ in things() if len(part.encode(" " + n).ids) > 1]
    print("names of more than one token:", long)
