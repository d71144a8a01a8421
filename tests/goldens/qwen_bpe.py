"""A tiny Qwen-style tokenizer: byte-level BPE behind Qwen's split, NFC, and Qwen's added tokens in Qwen's order."""

import json

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from llama_bpe import TEXT

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
]
PLAIN = [  # added, but not special: they are one token whoever types them
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>",
    "<|file_sep|>",
]
MORE = "system\nYou are a helpful assistant.\nuser\nassistant\n" * 3


def ids(base):
    return {token: base + i for i, token in enumerate(SPECIAL + PLAIN)}


def pre_tokenizer():
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def tokenizer_json(base, pairs):
    """tokenizer.json as a dict; base is the size of the vocabulary without added tokens."""
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=base, show_progress=False, min_frequency=2, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())
    )
    tok.train_from_iterator([TEXT, MORE], trainer)
    model = json.loads(tok.to_str())["model"]
    assert len(model["vocab"]) == base, len(model["vocab"])
    merges = [m if isinstance(m, list) else m.split(" ") for m in model["merges"]]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            {"id": id_, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": token in SPECIAL}
            for token, id_ in ids(base).items()
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False}, byte_level,
        ]},
        "post_processor": byte_level, "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": model["vocab"], "merges": merges if pairs else [" ".join(m) for m in merges],
        },
    }


def tokenizer_config(added, transformers4, template=None):
    base = {
        "add_prefix_space": False, "bos_token": None, "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>",
        "errors": "replace", "model_max_length": 512, "pad_token": "<|endoftext|>", "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer", "unk_token": None,
    }
    if not transformers4:
        return {**base, "backend": "tokenizers", "is_local": True, "extra_special_tokens": SPECIAL[1:],
                "processor_class": "Qwen2_5_VLProcessor"}
    decoder = {str(a["id"]): {k: v for k, v in a.items() if k != "id"} for a in added}
    config = {"add_bos_token": False, "added_tokens_decoder": decoder, "additional_special_tokens": SPECIAL[1:], **base}
    return config | ({"chat_template": template} if template else {})
