"""Asks a model folder the evaluation set through transformers: python evaluate.py MODEL_FOLDER

Prints a table and writes scores.json. The path is a user's: PNG -> processor -> greedy generate, f32.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from PIL import Image

from data import easyvqa
from data.atlas import CACHE

HERE = Path(__file__).resolve().parent


def plain(text):
    return " ".join(text.lower().split()).removesuffix(".")


def load(folder, device):
    from transformers import AutoProcessor, LlavaForConditionalGeneration, Qwen2_5_VLForConditionalGeneration
    processor = AutoProcessor.from_pretrained(folder)
    processor.tokenizer.padding_side = "left"
    kind = LlavaForConditionalGeneration
    if json.loads((Path(folder) / "config.json").read_text())["model_type"] == "qwen2_5_vl":
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
        processor.image_processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
        kind = Qwen2_5_VLForConditionalGeneration
    return processor, kind.from_pretrained(folder, dtype=torch.float32).to(device).eval()


def prompt(model, question):
    if model.config.model_type == "qwen2_5_vl":
        from model.qwen_tokenizer import prompt
        return prompt(question)
    return f"USER: <image>\n{question} ASSISTANT:"


@torch.no_grad()
def answers(processor, model, pairs, batch=128):
    """The model's answers to (picture, prompt) pairs."""
    out = []
    for i in range(0, len(pairs), batch):
        part = pairs[i:i + batch]
        inputs = processor(images=[p for p, _ in part], text=[prompt(model, q) for _, q in part],
                           return_tensors="pt", padding=True).to(model.device)
        made = model.generate(**inputs, max_new_tokens=32, do_sample=False)
        out += processor.batch_decode(made[:, inputs.input_ids.shape[1]:], skip_special_tokens=True)
    return [o.strip() for o in out]


def score(items, said):
    """{group: [right, of]} and what became of false claims, by tone and by what was claimed."""
    table, claims = {}, {}
    known = lambda s: s not in ("fluent-emoji-flat", "easy-VQA test")
    for it, text in zip(items, said):
        right = plain(text) in map(plain, it["answers"])
        group = (it["kind"], "known" if known(it["style"]) else it["style"])
        cell = table.setdefault(" / ".join(group), [0, 0])
        cell[0] += right
        cell[1] += 1
        if it["claim"] == "false":
            won = plain(text) in map(plain, it["claimed_answers"])
            about = "number" if it["truth"] in ("one", "two", "three", "four") else "colour" if "colo" in it["prompt"].lower() else "presence" if it["truth"] in ("yes", "no") else "name"
            hard = "large" if it["size"] >= 0.6 else "middle" if it["size"] >= 0.35 else "small"
            for key in (f"tone {it['tone']}", f"about {about}", f"drawing {hard}", f"{it['tone']}, {about}", "all"):
                cell = claims.setdefault(key, [0, 0, 0])
                cell[0] += won
                cell[1] += right
                cell[2] += 1
    return table, claims


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--set", type=Path, default=HERE.parent / "datasets" / "demo")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--easy", type=int, default=10 ** 9, help="how many of the easy-VQA test questions")
    parser.add_argument("--quantize", action="store_true", help="round the language model's weights to 4-bit blocks first (an estimate)")
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    processor, model = load(args.model, device)
    if args.quantize:
        from model.llava import fake_q4
        with torch.no_grad():
            for name, p in model.named_parameters():
                if "language_model" in name and p.ndim == 2:
                    p.copy_(fake_q4(p, 1.0))
    items = [json.loads(line) for line in (args.set / "eval.jsonl").read_text().splitlines()]
    began = time.time()
    said = answers(processor, model, [(Image.open(args.set / it["image"]).convert("RGB"), it["prompt"]) for it in items])
    table, claims = score(items, said)
    result = {"table": table, "claims": claims, "said": said}
    for key, (right, of) in sorted(table.items()):
        print(f"{key:34} {right:4}/{of:<4} {100 * right / of:5.1f} %")
    for style in ("known", "fluent-emoji-flat"):
        cells = [v for k, v in table.items() if k.endswith(style) and "claim-false" not in k]
        result[f"all {style}"] = [sum(c[0] for c in cells), sum(c[1] for c in cells)]
        print(f"all but false claims, {style}: {result[f'all {style}']}")
    for key, (won, lost, of) in sorted(claims.items()):
        print(f"false claim, {key:24} words win {won:3}, picture wins {lost:3} of {of}", flush=True)
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))
    if args.easy:
        pictures, questions = easyvqa.unpack(CACHE / "easyvqa.npz", "test")
        questions = questions[:args.easy]
        made = answers(processor, model, [(Image.fromarray(pictures[i]), q) for q, _, i in questions], 512)
        right = sum(easyvqa.answer_word(t) == a for t, (_, a, _) in zip(made, questions))
        result["easy-VQA test"] = [right, len(questions)]
        print(f"easy-VQA test {right}/{len(questions)} {100 * right / len(questions):.2f} %")
    print(f"{time.time() - began:.0f} s")
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
