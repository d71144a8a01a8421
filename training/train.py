"""Trains a demo model: python train.py [--family qwen] --minutes 9 --out runs/demo

Needs cache/atlas.npz and cache/easyvqa.npz (fetch.sh) and the tokenizer in --model. Seeded. The
schedule follows the clock, so it ends on time on any machine; a run that was cut off goes on from its
last checkpoint when started again with the same --out. --end-after counts everything from the start of
the program, imports and compiling too.
"""

import time

STARTED = time.time()

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch

from data import easyvqa
from data.atlas import CACHE, load
from data.batches import Batches
from data.compose import Composer
from data.rows import loader
from data.shapes import cells as shape_cells
from data.things import things
from model.checkpoint import restore, save
from model.families import FAMILIES, easy_pictures
from model.optim import Muon, split

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--family", choices=list(FAMILIES), default="llava")
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--out", type=Path, default=HERE / "runs/demo")
    parser.add_argument("--model", type=Path, help="folder with the tokenizer's files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--length", type=int, help="tokens a row")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--optimizer", choices=["muon", "adamw"], default="muon")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--shape", type=json.loads, default={}, help="changes to the model's shape, as JSON")
    parser.add_argument("--quantize-from", type=float, default=0.7, help="from this share of the run on, train as 4-bit weights")
    parser.add_argument("--steps", type=int, default=0, help="end after this many steps (tests)")
    parser.add_argument("--save-every", type=float, default=120)
    parser.add_argument("--end-after", type=float, default=0, help="end after this many seconds of the program's clock, instead of --minutes")
    parser.add_argument("--export-every", type=float, default=0, help="write the weights every so many seconds")
    parser.add_argument("--warmup", type=int, default=150)
    args = parser.parse_args()
    family = FAMILIES[args.family]
    args.model = args.model or HERE.parent / "models" / family.folder

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    cells, rows = load()
    pictures, questions = easyvqa.unpack(CACHE / "easyvqa.npz", "train")
    classes = len(things()) + 6
    family = family(args.shape, classes, args.model / "tokenizer.json", device)
    model = family.model
    muon, decay, rest = split(model)
    adam = [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
    if args.optimizer == "muon":
        optimizers = [Muon(muon, lr=args.lr, weight_decay=0.05), torch.optim.AdamW(adam, lr=args.lr, betas=(0.9, 0.98), fused=device == "cuda")]
    else:
        adam[0]["params"] = decay + muon
        optimizers = [torch.optim.AdamW(adam, lr=args.lr, betas=(0.9, 0.98), fused=device == "cuda")]
    step, spent = 0, 0.0
    state = restore(args.out)
    if state:
        model.load_state_dict(state["model"], strict=False)
        for optimizer, s in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(s)
        step, spent = state["step"], state["spent"]
        print(f"going on from step {step}, {spent:.0f} s", flush=True)
    dataset = Batches(rows, questions, args.model / "tokenizer.json", args.batch, args.length or family.length, args.seed, step, family.words, family.frames)
    batches = iter(loader(dataset, args.workers))
    composer = Composer(np.concatenate([cells, shape_cells(cells.shape[1])]), [r["id"] for r in rows] + list(range(classes - 6, classes)),
                        family.size, family.patch, device)
    family.pictures(composer, easy_pictures(pictures, family.size, device))
    forward = torch.compile(model, dynamic=False) if device == "cuda" else model
    budget, begun, saved, written, seen = args.minutes * 60, None, time.time(), time.time(), 0
    args.out.mkdir(parents=True, exist_ok=True)
    log = (args.out / "log.txt").open("a")

    def checkpoint():
        save(args.out, {"model": {k: v for k, v in model.state_dict().items()}, "optimizers": [o.state_dict() for o in optimizers],
                        "step": step, "spent": spent + time.time() - begun, "seed": args.seed})

    running = []
    while True:
        batch = {k: v if k == "frame" else v.to(device, non_blocking=True) for k, v in next(batches).items()}
        given, owner = family.inputs(batch)
        elapsed = spent + (time.time() - begun if begun else 0)
        progress = min(1.0, elapsed / budget) if not args.steps else step / args.steps
        rate = min(1.0, (step + 1) / args.warmup) * (0.5 + 0.5 * math.cos(math.pi * progress)) + 0.002
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = args.lr * rate
        model.mix.fill_(0.0 if progress < args.quantize_from else float(step % 3 > 0))
        with torch.autocast(device, torch.bfloat16):
            outputs = forward(*given)
            loss, *parts = family.losses(outputs, batch, owner, 0.3 if progress < 0.6 else 0.1)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step, seen = step + 1, seen + args.batch
        if begun is None:  # compiling is not training time
            if device == "cuda":
                torch.cuda.synchronize()
            begun, seen = time.time(), 0
            if args.end_after:
                budget = max(1.0, args.end_after - (begun - STARTED))
            print(f"first step {begun - STARTED:.0f} s after the start; {budget:.0f} s of training", flush=True)
        asked = batch["labels"] >= 0
        hit = ((outputs[0].argmax(-1) == batch["labels"]) & asked).sum() / asked.sum()
        running.append(torch.stack([*parts, hit]))
        if step % (100 if device == "cuda" else 1) == 0:
            mean = torch.stack(running).mean(0).tolist()
            running = []
            line = (f"step {step} {time.time() - begun + spent:.0f}s answer {mean[0]:.4f} patches {mean[1]:.3f} scene {mean[2]:.3f} "
                    f"token accuracy {mean[3]:.4f} {seen / max(1e-9, time.time() - begun):.0f} pictures/s")
            print(line, flush=True)
            print(line, file=log, flush=True)
        if args.export_every and time.time() - written > args.export_every:
            written = time.time()
            family.export(args.out / "model")
        if args.save_every and time.time() - saved > args.save_every:
            saved = time.time()
            checkpoint()
        if (args.steps and step >= args.steps) or (not args.steps and spent + time.time() - begun > budget):
            break
    print(f"{step} steps, {family.export(args.out / 'model')} bytes of weights", flush=True)
    if args.save_every:
        checkpoint()
    for file in args.model.iterdir():
        if file.name.startswith(("tokenizer", "special", "chat_template")):
            (args.out / "model" / file.name).write_bytes(file.read_bytes())


if __name__ == "__main__":
    main()
