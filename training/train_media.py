"""Trains the audio, the series or the film model: python train_media.py audio|series|video --end-after 540 --out runs/audio

Needs the tokenizer in --model, for audio also espeak-ng. Seeded. The schedule follows the clock: --end-after counts everything
from the start of the program, making the library of sounds and compiling too. A run of --budget seconds of training may be spread
over several such calls: each goes on from the checkpoint that the last one left in --out.
"""

import time

STARTED = time.time()

import argparse
import math
from pathlib import Path

import torch
import torch.nn.functional as F

from data.rows import loader
from model import audio, audio_export, qwen, series, series_export, video, video_export
from model.checkpoint import restore, save
from model.decoder import answer_loss
from model.media_tokenizer import AUDIO, AUDIO_OPENING, OPENING, VIDEO
from model.optim import Muon, split

HERE = Path(__file__).resolve().parent
LENGTH, TARGETS = 210, 76  # text tokens a row, and how many of them, on average, are kept as answers


class Sounds:
    def __init__(self, args, device):
        from audio import library
        from audio.batches import NOTHING, Batches
        from audio.compose import Composer
        found = library.build(args.seed, args.per_sound, args.per_word, max(1, args.workers))
        print(f"library of {len(found['samples'])} clips, {time.time() - STARTED:.0f} s after the start", flush=True)
        self.compose, self.nothing = Composer(found, device), NOTHING
        self.model = audio.Audio(audio.Shape(), NOTHING + 1).to(device)
        self.dataset = Batches(found, args.model / "tokenizer.json", args.batch, LENGTH, TARGETS, args.seed)
        tokenizer = AUDIO.for_segments(args.model / "tokenizer.json")
        self.prefix = torch.tensor(tokenizer.encode(AUDIO_OPENING).ids, device=device)
        self.after = torch.tensor([AUDIO.ID["<|audio_eos|>"]], device=device)
        self.export = audio_export.export

    def inputs(self, batch):
        features, heard = self.compose(batch["slots"], batch["look"])
        return features, heard, self.prefix, self.after, *(batch[k] for k in ("ids", "positions", "segments", "targets_at"))

    def losses(self, outputs, batch, aux):
        logits, sounding = outputs
        weight = torch.ones(self.nothing + 1, device=logits.device)
        weight[self.nothing] = 0.2
        dense = F.cross_entropy(sounding.float().flatten(0, 1), batch["sounding"].flatten(), weight=weight, ignore_index=-100)
        answer = answer_loss(logits, batch["labels"])
        return answer + aux * dense, logits, answer.detach(), dense.detach()


class Lines:
    def __init__(self, args, device):
        from series.batches import Batches
        self.model = series.Series(series.Shape()).to(device)
        self.dataset = Batches(args.model / "tokenizer.json", args.batch, LENGTH, TARGETS, args.seed)
        self.export = series_export.export

    def inputs(self, batch):
        return [batch[k] for k in ("values", "context", "slots", "ids", "positions", "segments", "targets_at")]

    def losses(self, outputs, batch, aux):
        answer = answer_loss(outputs, batch["labels"])
        return answer, outputs, answer.detach(), answer.detach() * 0


class Films:
    def __init__(self, args, device):
        from video import draw
        from video.batches import Batches
        from video.scenes import COLOURS, FORMS, SHAPES
        s = video.Shape()
        self.model = (video_export.read(args.begin).train() if args.begin else video.Video(s)).to(device)
        tokenizer = VIDEO.for_segments(args.model / "tokenizer.json")
        self.prefix = torch.tensor(tokenizer.encode(OPENING).ids, device=device)
        self.after = torch.tensor([VIDEO.ID["<|vision_end|>"]], device=device)
        before = len(self.prefix) + s.grids * s.tokens + 1
        length = -(-(before + LENGTH) // 8) * 8 - before  # rows of a multiple of eight, for speed
        self.dataset = Batches(args.model / "tokenizer.json", args.batch, length, TARGETS - 8, args.seed, args.start, args.claims, (args.faint, args.faint_cover))
        self.composers = [draw.Composer(form, s, device) for form in FORMS]
        self.tables = [qwen.tables(s, *form, len(self.prefix), device) for form in FORMS]
        self.parts = torch.compile(draw.patches_and_owners, dynamic=False) if device == "cuda" else draw.patches_and_owners
        self.weights = [torch.tensor([1.0] * len(names) + [0.15], device=device) for names in (SHAPES, COLOURS)]
        self.export = video_export.export

    def inputs(self, batch):
        form = int(batch["form"])
        patches, *shown = self.composers[form](batch["track"], batch["look"], self.parts)
        there = (torch.arange(patches.shape[1], device=patches.device) < batch["grids"][:, None]) & batch["seen"][:, None]
        self.shown = [torch.where(there[:, :, None], x, -100) for x in shown]
        return (patches, self.tables[form], batch["times"], batch["grids"], batch["text_at"], self.prefix, self.after,
                *(batch[k] for k in ("ids", "positions", "segments", "targets_at")))

    def losses(self, outputs, batch, aux):
        logits, *heads = outputs
        dense = sum(F.cross_entropy(h.float().flatten(0, 2), x.flatten(), weight=w, ignore_index=-100) for h, x, w in zip(heads, self.shown, self.weights)) / 2
        answer = answer_loss(logits, batch["labels"])
        return answer + aux * dense, logits, answer.detach(), dense.detach()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("family", choices=["audio", "series", "video"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="folder with the tokenizer's files")
    parser.add_argument("--end-after", type=float, default=540, help="seconds of the program's clock")
    parser.add_argument("--budget", type=float, default=0, help="seconds of training in all, where more than one call makes them; a checkpoint is written")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--warmup", type=int, default=120)
    parser.add_argument("--per-sound", type=int, default=300)
    parser.add_argument("--per-word", type=int, default=96)
    parser.add_argument("--quantize-from", type=float, default=0.7, help="from this share of the run on, train as 4-bit weights")
    parser.add_argument("--begin", type=Path, help="video: a folder whose weights the run begins with; the helper heads rest")
    parser.add_argument("--claims", type=float, default=0.22, help="video: the share of questions that follow a claim")
    parser.add_argument("--faint", type=float, default=0.035, help="video: the share of films in which hardly anything can be seen")
    parser.add_argument("--faint-cover", type=float, default=0.01, help="video: the most that things cover their ground there")
    parser.add_argument("--steps", type=int, default=0, help="end after this many steps (tests)")
    args = parser.parse_args()
    args.model = args.model or HERE / "models" / f"demo-{args.family}"

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    state = restore(args.out) if args.budget else None
    args.start = state["step"] if state else 0  # goes on with other batches
    family = {"audio": Sounds, "series": Lines, "video": Films}[args.family](args, device)
    model = family.model
    batches = iter(loader(family.dataset, args.workers))
    muon, decay, rest = split(model)
    adam = [{"params": decay, "weight_decay": 0.05}, {"params": [p for p in rest if p.requires_grad], "weight_decay": 0.0}]
    adam[0]["params"] = [p for p in decay if p.requires_grad]
    optimizers = [Muon(muon, lr=args.lr, weight_decay=0.05), torch.optim.AdamW(adam, lr=args.lr, betas=(0.9, 0.98), fused=device == "cuda")]
    spent = 0.0
    if state:
        model.load_state_dict(state["model"])
        for optimizer, s in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(s)
        spent = state["spent"]
        print(f"{args.family}: going on from step {args.start}, {spent:.0f} s of training", flush=True)
    mix = getattr(model, "decoder", model).mix
    forward = torch.compile(model, dynamic=False) if device == "cuda" else model
    args.out.mkdir(parents=True, exist_ok=True)
    begun, until, budget, step, running, waited = None, 0.0, args.budget or 1.0, args.start, [], 0.0
    while True:
        asked = time.time()
        batch = {k: v.to(device, non_blocking=True) if v.ndim else v for k, v in next(batches).items()}
        waited += time.time() - asked
        progress = step / args.steps if args.steps else min(1.0, (spent + (time.time() - begun if begun else 0)) / budget)
        rate = min(1.0, (step + 1) / args.warmup) * (0.5 + 0.5 * math.cos(math.pi * progress)) + 0.002
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = args.lr * rate
        mix.fill_(0.0 if progress < args.quantize_from else float(step % 3 > 0))
        given = family.inputs(batch)
        with torch.autocast(device, torch.bfloat16):
            loss, logits, *parts = family.losses(forward(*given), batch, 0.0 if args.begin else 0.3 if progress < 0.6 else 0.1)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        if begun is None:  # compiling is not training time
            if device == "cuda":
                torch.cuda.synchronize()
            begun, waited = time.time(), 0.0
            until = STARTED + args.end_after - 6
            budget = args.budget or max(1.0, until - begun)
            print(f"{args.family}: first step {begun - STARTED:.0f} s after the start; {min(budget - spent, until - begun):.0f} s of training", flush=True)
        real = batch["labels"] >= 0
        running.append(torch.stack([*parts, ((logits.argmax(-1) == batch["labels"]) & real).sum() / real.sum()]))
        if step % (200 if device == "cuda" else 1) == 0:
            answer, dense, hit = torch.stack(running).mean(0).tolist()
            running = []
            since = max(time.time() - begun, 1e-9)
            print(f"{args.family} {step} {spent + since:.0f}s answer {answer:.4f} dense {dense:.3f} token accuracy {hit:.4f} "
                  f"{(step - args.start) * args.batch / since:.0f} scenes/s, waited {waited / since:.2f}", flush=True)
        if (args.steps and step >= args.steps) or (not args.steps and (time.time() > until or spent + time.time() - begun > budget)):
            break
    if args.budget:
        save(args.out, {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "step": step, "spent": spent + time.time() - begun})
    mix.fill_(0.0)
    print(f"{args.family}: {step} steps, {family.export(model, args.out)} bytes of weights, {sum(p.numel() for p in model.parameters())} parameters", flush=True)


if __name__ == "__main__":
    main()
