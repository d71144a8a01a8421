"""Asks the audio, the series or the film model held-out questions: python evaluate_media.py audio|series|video MODEL_FOLDER

Audio and films go the way a user's do, through transformers' own processor and generate. ChatTS has no transformers class: its
prompt is put together here, its decoder is transformers' Qwen2. f32, greedy.
"""

import argparse
import json
from pathlib import Path

import torch

import media_sets


def plain(text):
    return " ".join(text.lower().split()).removesuffix(".")


@torch.no_grad()
def hear(folder, pairs, device, batch=96, quantize=False):
    """The model's answers to (samples, question) pairs."""
    from transformers import AutoProcessor, Qwen2AudioForConditionalGeneration
    processor = AutoProcessor.from_pretrained(folder)
    processor.tokenizer.padding_side = "left"
    model = Qwen2AudioForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).to(device).eval()
    if quantize:
        coarse(model)
    out = []
    for i in range(0, len(pairs), batch):
        part = pairs[i:i + batch]
        talks = [[{"role": "user", "content": [{"type": "audio", "audio_url": "x"}, {"type": "text", "text": q}]}] for _, q in part]
        text = [processor.apply_chat_template(t, add_generation_prompt=True, tokenize=False) for t in talks]
        inputs = processor(text=text, audio=[x for x, _ in part], sampling_rate=16000, return_tensors="pt", padding=True).to(device)
        made = model.generate(**inputs, max_new_tokens=48, do_sample=False)
        out += [t.strip() for t in processor.batch_decode(made[:, inputs.input_ids.shape[1]:], skip_special_tokens=True)]
    return out


def series_prompt(scene, question, tokenizer):
    """(ids with a run of <ts> for each series' patches, which patch stands where)"""
    from model.media_tokenizer import SERIES
    from series.batches import prompt_ids
    from series.shapes import context
    text, between = context(scene)
    ids, slots = prompt_ids(scene, text, tokenizer)
    more = tokenizer.encode(SERIES.segment(between + question)).ids
    return ids + more, slots + [-1] * len(more)


def load_series(folder, device):
    """(tokenizer, encoder, decoder): ours, ours, transformers' Qwen2."""
    from safetensors.torch import load_file
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from model.media_tokenizer import SERIES
    from model.series_export import read
    tokenizer, encoder = SERIES.for_segments(Path(folder) / "tokenizer.json"), read(folder).encoder.to(device)
    settings = json.loads((Path(folder) / "config.json").read_text())
    model = Qwen2ForCausalLM(Qwen2Config(**{k: v for k, v in settings.items() if k not in ("architectures", "dtype", "model_type")}))
    model.load_state_dict({k: v.float() for k, v in load_file(Path(folder) / "model.safetensors").items() if not k.startswith("ts_encoder")})
    return tokenizer, encoder, model.to(device).eval()


@torch.no_grad()
def read(folder, pairs, device, quantize=False):
    """The model's answers to (scene, question) pairs."""
    from model.media_tokenizer import SERIES
    from series.shapes import patches
    tokenizer, encoder, model = load_series(folder, device)
    if quantize:
        coarse(model)
    out = []
    for i in range(0, len(pairs), 128):
        rows = []
        for scene, question in pairs[i:i + 128]:
            ids, slots = series_prompt(scene, question, tokenizer)
            x = model.get_input_embeddings()(torch.tensor(ids, device=device))
            x[torch.tensor(slots, device=device) >= 0] = encoder(torch.from_numpy(patches(scene)[0]).float().to(device))
            rows.append(x)
        n = max(map(len, rows))
        embeds = torch.stack([torch.nn.functional.pad(x, (0, 0, n - len(x), 0)) for x in rows])
        mask = torch.tensor([[0] * (n - len(x)) + [1] * len(x) for x in rows], device=device)
        made = model.generate(inputs_embeds=embeds, attention_mask=mask, max_new_tokens=48, do_sample=False, pad_token_id=SERIES.ID["<|endoftext|>"],
                              eos_token_id=[SERIES.EOS, SERIES.ID["<|endoftext|>"]])
        out += [tokenizer.whole.decode(row, skip_special_tokens=True).strip() for row in made.tolist()]
    return out


def film_inputs(processor, films, questions):
    """What transformers' processor makes of [(frames, frames a second)] and their questions."""
    from transformers.video_utils import VideoMetadata
    talks = [[{"role": "user", "content": [{"type": "video", "video": "x"}, {"type": "text", "text": q}]}] for q in questions]
    text = [processor.apply_chat_template(t, add_generation_prompt=True, tokenize=False) for t in talks]
    about = [VideoMetadata(total_num_frames=len(x), fps=fps, frames_indices=list(range(len(x))), height=x.shape[1], width=x.shape[2]) for x, fps in films]
    inputs = processor(text=text, videos=[x for x, _ in films], videos_kwargs={"video_metadata": about}, return_tensors="pt", padding=True)
    inputs.pop("video_metadata", None)
    return inputs


@torch.no_grad()
def watch(folder, pairs, device, batch=96, quantize=False):
    """The model's answers to (scene, question) pairs; scenes as media_sets.films has them."""
    from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

    from video.draw import film
    processor = AutoProcessor.from_pretrained(folder)
    processor.tokenizer.padding_side = "left"
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).to(device).eval()
    if quantize:
        coarse(model)
    out = []
    for i in range(0, len(pairs), batch):
        part = pairs[i:i + batch]
        films = [(film(s["track"], s["look"], s["n"], *s["frame"], seed=s["seed"]), s["fps"]) for s, _ in part]
        inputs = film_inputs(processor, films, [q for _, q in part]).to(device)
        made = model.generate(**inputs, max_new_tokens=64, do_sample=False)
        out += [t.strip() for t in processor.batch_decode(made[:, inputs.input_ids.shape[1]:], skip_special_tokens=True)]
    return out


def sets(family, each):
    """{name: what makes its pairs of medium and item} of the sets that a family is asked."""
    if family == "audio":
        return {name: lambda held=held: media_sets.sounds(each, held_out=held) for name, held in (("known", False), ("held-out voices", True))}
    if family == "series":
        return {"known": lambda: media_sets.series(each)}
    sizes = [(240, 320), (180, 320), (360, 640), (240, 240), (480, 480), (320, 240), (320, 180), (100, 150)]
    return {"known": lambda: media_sets.films(each), "other sizes, one or two frames a second": lambda: media_sets.films(each, 78, sizes, (1.0, 2.0)),
            "four frames a second (no times in transformers 5.17)": lambda: media_sets.films(each, 79, rates=(4.0,))}


def coarse(model):
    """Rounds the language model's matrices to 4-bit blocks: an estimate of 4-bit weights."""
    from model.llava import fake_q4
    for name, p in model.named_parameters():
        if "layers." in name and p.ndim == 2 and "audio_tower" not in name and "visual" not in name:
            p.copy_(fake_q4(p, 1.0))


def score(items, said):
    """{group: [right, of]} and, for false claims, {tone: [words win, medium wins, of]}, also by what the claim is about."""
    table, claims = {}, {}
    for it, text in zip(items, said):
        right = plain(text) in map(plain, it["answers"])
        cell = table.setdefault(it["group"], [0, 0])
        cell[0] += right
        cell[1] += 1
        if it["claim"] == "false":
            won = plain(text) in map(plain, it["claimed_answers"])
            for key in (it["tone"], f"{it['tone']} about {it['about']}"):
                cell = claims.setdefault(key, [0, 0, 0])
                cell[0] += won
                cell[1] += right
                cell[2] += 1
    return table, claims


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("family", choices=["audio", "series", "video"])
    parser.add_argument("model", type=Path)
    parser.add_argument("--each", type=int, default=100, help="questions of each kind")
    parser.add_argument("--only", default="", help="only sets whose name contains this")
    parser.add_argument("--quantize", action="store_true", help="round the language model's weights to 4-bit blocks first (an estimate)")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    result = {}
    ask = {"audio": hear, "series": read, "video": watch}[args.family]
    for name, make in sets(args.family, args.each).items():
        if args.only not in name:
            continue
        pairs = make()
        said = ask(args.model, [(m, it["question"]) for m, it in pairs], device, quantize=args.quantize)
        items = [it for _, it in pairs]
        table, claims = score(items, said)
        print(f"{args.family}, {name}")
        for key, (right, of) in sorted(table.items()):
            print(f"  {key:22} {right:4}/{of:<4} {100 * right / of:5.1f} %")
        sums = [sum(c[i] for k, c in table.items() if not k.endswith("false")) for i in (0, 1)]
        print(f"  all but false claims   {sums[0]}/{sums[1]} {100 * sums[0] / sums[1]:.1f} %")
        for key, (won, lost, of) in sorted(claims.items()):
            print(f"  false, {key:28} words win {won:3}, medium wins {lost:3} of {of}", flush=True)
        wrong = [(it["question"], it["answer"], s) for it, s in zip(items, said) if plain(s) not in map(plain, it["answers"]) and it["claim"] != "false"]
        for q, a, s in wrong[::max(1, len(wrong) // 12)]:
            print(f"    {q} | {a} | {s}")
        result[name] = {"table": table, "claims": claims, "wrong": wrong}
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
