"""A tiny Llama-style tokenizer: BPE with byte fallback, trained on a page of text, in the two forms found on disk."""

import json

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

TEXT = """
What is shown in the picture? The picture shows a red disc on a blue field, and the words beside it say nothing.
Describe the image in one sentence. Describe what the person in the photo is doing, and where they are standing.
How many cats are there in this image? There are two cats and one dog in the image, under the table by the window.
Which colour is the largest shape? Answer with the option letter from the given choices directly. A. B. C. D. E.
Look at the chart and tell me which line rises fastest; then explain why the text and the image disagree.
A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and
polite answers to the user's questions. USER: ASSISTANT: Is the sky above the house grey, green or white? Yes. No.
Attention goes to the words and not to the picture: language overrules what the model sees. Layer by layer, token by
token, we count how much of it goes where. 0 1 2 3 4 5 6 7 8 9 10 12 15 20 42 56 100 (50% off) it's we'll they've don't
def main(): return {'answer': value ** 2}  # a comment  if x == y: print("done") else: raise ValueError(x + 1)
USER: What is in the image? ASSISTANT: A red disc. USER: And in this picture? ASSISTANT: A blue field. USER: ASSISTANT:
그림 속에 무엇이 있나요? 그림 설명 한국어 문장 하나
"""


def train(size):
    """The vocabulary and the merges. Line breaks and whatever the page lacks fall back to bytes, as in Llama."""
    tok = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, show_progress=False, min_frequency=2, initial_alphabet=["▁"]
    )
    tok.train_from_iterator(" ".join(TEXT.split("\n")).split("  "), trainer)
    model = json.loads(tok.to_str())["model"]
    return model["vocab"], [m if isinstance(m, list) else m.split(" ") for m in model["merges"]]


def special(id_, content):
    return {"id": id_, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True}


def tokenizer_json(size, form):
    """tokenizer.json as a dict. form is 'legacy' (normalizer, every section prefixed) or 'metaspace' (first only)."""
    vocab, merges = train(size)
    n = len(vocab)
    added = [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>"), special(n, "<image>"), special(n + 1, "<pad>")]
    legacy = form == "legacy"
    normalizer = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    ]}
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": normalizer if legacy else None,
        "pre_tokenizer": None if legacy else metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
            "vocab": vocab, "merges": [" ".join(m) for m in merges] if legacy else merges,
        },
    }


def tokenizer_config(added, transformers4):
    """tokenizer_config.json as the transformers of its day writes it."""
    base = {
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
        "add_bos_token": True, "add_eos_token": False, "clean_up_tokenization_spaces": False,
        "model_max_length": 512, "padding_side": "left", "processor_class": "LlavaProcessor",
    }
    if transformers4:
        decoder = {str(a["id"]): {k: v for k, v in a.items() if k != "id"} for a in added}
        return {"added_tokens_decoder": decoder, **base, "legacy": True, "sp_model_kwargs": {},
                "tokenizer_class": "LlamaTokenizer", "use_default_system_prompt": False}
    return {**base, "backend": "tokenizers", "image_token": "<image>", "is_local": True,
            "model_specific_special_tokens": {"image_token": "<image>"}, "tokenizer_class": "TokenizersBackend"}
