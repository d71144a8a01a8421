"""A tiny SmolVLM: checkpoint, picture, and what transformers computes of it with the picture in 2 × 2 tiles.

SigLIP's tower, pixel shuffle and one map, Llama. Pictures are prepared by `SmolVLMImageProcessorPil`, which is what
transformers takes by default for this family. The one tile of a picture that is not cut (`one_tile`, 8-bit levels) is
Pillow's two resizes, as that processor does them with `do_image_splitting` false; the script checks that the same
arithmetic gives the tiles of the processor to the last bit.
"""

import math
import shutil

import numpy as np
import torch
from PIL import Image, ImageDraw
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, SmolVLMConfig, SmolVLMForConditionalGeneration, SmolVLMProcessor
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor

from common import HERE, greedy, save_tensors, setup, write_json

OUT = HERE / "smolvlm"
SEED, TEXT = 1, "What is in the picture?"
TILE, LONGEST, PATCH, FACTOR = 32, 64, 4, 2
FAKE = "<fake_token_around_image>"
MARKS = ["<global-img>", *(f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)), FAKE, "<image>",
         "<end_of_utterance>"]
JINJA = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
CORPUS = [
    "user assistant system You are a helpful assistant.",
    "User: what is in the picture? Assistant: a red circle and a blue square",
    "How many apples are there? two or three", "Describe the photograph in one sentence please.\n",
    "the audio says hello; a dog barks. Audio 1: 12 34 56", "한국어 질문입니다. 이 그림은 무엇인가요?",
    "naïve café 😀 tokens  with   spaces\n\nnewlines", "model <row_1_col_1> frame 0.5 seconds 10.5 seconds",
] * 20


def tokenizer():
    """SmolLM2's kind: no normalizer, single digits, GPT-2's byte-level BPE; nothing is put in front."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False))
    fast = PreTrainedTokenizerFast(tokenizer_object=t, clean_up_tokenization_spaces=False, bos_token="<|im_start|>",
                                   eos_token="<end_of_utterance>", pad_token="<|im_end|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *MARKS]})
    return fast


def picture(w, h):
    r = np.random.default_rng(SEED)
    noise = r.integers(0, 255, (max(2, h // 9), max(2, w // 9), 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((w, h), Image.BICUBIC)
    draw = ImageDraw.Draw(image)
    draw.ellipse((w * 0.1, h * 0.2, w * 0.5, h * 0.7), fill=(220, 30, 40))
    draw.rectangle((w * 0.6, h * 0.5, w * 0.9, h * 0.9), fill=(20, 60, 220))
    return image


def weigh(model):
    """Queries and keys sharper than the rest, norms around 1, small biases."""
    for name, p in sorted(model.named_parameters()):
        seed = SEED * 1_000_003 + sum(ord(c) * (i + 1) for i, c in enumerate(name)) % 999_983
        noise = torch.randn(p.shape, generator=torch.Generator().manual_seed(seed))
        if p.dim() == 1 and "norm" in name and name.endswith("weight"):
            p.copy_(1 + 0.2 * noise)
        elif p.dim() == 1:
            p.copy_(0.1 * noise)
        elif "position_embedding" in name:
            p.copy_(0.5 * noise)
        elif "embed_tokens" in name:
            p.copy_(noise)
        else:
            gain = 2.2 if "q_proj" in name or "k_proj" in name else 1.1
            p.copy_(noise * gain / math.sqrt(p[0].numel()))
    model.tie_weights()


def resized(image, longest):
    """The longer edge as long as this; the other in proportion, down and then up to an even number."""
    ratio = image.width / image.height
    if image.width >= image.height:
        size = (longest, int(longest / ratio))
        size = (size[0], size[1] + size[1] % 2)
    else:
        size = (int(longest * ratio), longest)
        size = (size[0] + size[0] % 2, size[1])
    return image.resize((max(size[0], 1), max(size[1], 1)), Image.LANCZOS)


def pictures(image):
    """The tiles and the whole picture behind them, and the one tile of a picture that is not cut."""
    first = resized(image, LONGEST)
    ratio, width = first.width / first.height, math.ceil(first.width / TILE) * TILE
    cut = first.resize((width, math.ceil(int(width / ratio) / TILE) * TILE), Image.LANCZOS)
    at = [(c * TILE, r * TILE) for r in range(cut.height // TILE) for c in range(cut.width // TILE)]
    tiles = [cut.crop((x, y, x + TILE, y + TILE)) for x, y in at]
    square = (TILE, TILE)
    return [*tiles, cut.resize(square, Image.LANCZOS)], first.resize(square, Image.LANCZOS)


def planes(image):
    unit = (np.asarray(image).astype(np.float64) * (1 / 255)).astype(np.float32)
    return ((unit - np.float32(0.5)) / np.float32(0.5)).transpose(2, 0, 1)


def groups(tokens):
    """What each position is: marks and the line breaks between them are the processor's."""
    last = len(tokens) - 1 - tokens[::-1].index(FAKE)
    end = tokens.index("<end_of_utterance>")

    def group(i, token):
        if i == 0:
            return "begin"
        if token == "<image>":
            return "image"
        if i < 3 or i > end:
            return "template"
        return "marker" if i <= last or i == end else "instruction"

    return [group(i, token) for i, token in enumerate(tokens)]


def lower(maps):
    """Rows up to the diagonal, one after another."""
    s = maps.shape[-1]
    rows, columns = torch.tril_indices(s, s)
    return maps[:, :, rows, columns]


def main():
    setup()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    image = picture(157, 83)
    image.save(OUT / "picture.png")
    words = tokenizer()
    ids = words.convert_tokens_to_ids
    image_processor = SmolVLMImageProcessorPil(size={"longest_edge": LONGEST}, max_image_size={"longest_edge": TILE})
    video = SmolVLMVideoProcessor(size={"longest_edge": TILE}, max_image_size={"longest_edge": TILE})
    n = (TILE // PATCH // FACTOR) ** 2
    processor = SmolVLMProcessor(image_processor, words, video, image_seq_len=n, chat_template=JINJA)
    special = dict(bos_token_id=ids("<|im_start|>"), eos_token_id=ids("<end_of_utterance>"), pad_token_id=ids("<|im_end|>"))
    config = SmolVLMConfig(
        vision_config=dict(image_size=TILE, patch_size=PATCH, hidden_size=32, intermediate_size=64, num_hidden_layers=3,
                           num_attention_heads=4),
        text_config=dict(model_type="llama", vocab_size=len(words), rms_norm_eps=1e-5, max_position_embeddings=2048,
                         tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 1e5},
                         hidden_size=48, intermediate_size=80, num_hidden_layers=4, num_attention_heads=6,
                         num_key_value_heads=2, head_dim=8, **special),
        scale_factor=FACTOR, image_token_id=ids("<image>"), tie_word_embeddings=True, pad_token_id=ids("<|im_end|>"))
    config._attn_implementation = "eager"
    model = SmolVLMForConditionalGeneration._from_config(config, attn_implementation="eager").eval().float()
    weigh(model)
    turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": TEXT}]}]
    prompt = processor.apply_chat_template(turn, add_generation_prompt=True)
    inputs = processor(text=prompt, images=[image], return_tensors="pt")
    tiles, one = pictures(image)
    assert np.array_equal(np.stack([planes(tile) for tile in tiles]), inputs["pixel_values"][0].numpy())
    features = model.model.get_image_features(inputs["pixel_values"], inputs["pixel_attention_mask"]).pooler_output
    processor.save_pretrained(OUT)
    model.generation_config.eos_token_id = ids("<end_of_utterance>")
    model.save_pretrained(OUT)
    golden = greedy(model, dict(inputs))
    tokens = words.convert_ids_to_tokens(inputs["input_ids"][0].tolist())
    s = len(tokens)
    mask = torch.tensor([token == "<image>" for token in tokens])
    rows = torch.cat([golden["attention_prefill"][:, :, -1:], golden["attention_generated"][:, :, :, :s]], 2)
    rows = rows.double().mean(1).sum(1)
    image_share, text_share = rows[:, mask].sum(1), rows[:, ~mask].sum(1)
    n_image, n_text = int(mask.sum()), int((~mask).sum())
    mdi = (text_share / n_text) / (image_share / n_image)
    aei = (text_share / (text_share + image_share)) / (n_text / (n_text + n_image))
    top = golden["logits_generated"].topk(2, -1).values
    gap = float((top[:, 0] - top[:, 1]).min())
    assert gap > 0.02, "two tokens are too close a call: another seed"
    save_tensors(OUT / "golden.safetensors", golden | {
        "attention_prefill": lower(golden["attention_prefill"]),
        "pixel_values": inputs["pixel_values"][0],
        "image_features": features.reshape(-1, features.shape[-1]).float(),
        "input_ids": inputs["input_ids"][0],
        "one_tile": torch.from_numpy(np.asarray(one).copy()),
    })
    write_json(OUT / "golden.json", {
        "picture": "picture.png", "text": TEXT, "prompt": prompt,
        "tiles": {"rows": 2, "cols": 2, "tokens": n}, "tokens": tokens, "groups": groups(tokens),
        "generated_ids": golden["generated_ids"].tolist(), "generated_text": words.decode(golden["generated_ids"]),
        "min_top2_gap": gap,
        "paper": {"n_text": n_text, "n_image": n_image, "mdi": mdi.tolist(), "aei_text": aei.tolist()},
    })


if __name__ == "__main__":
    main()
