"""Trains a LLaVA to name photographs: python -m photo.train --budget 770 --end-after 570 --out runs/photo

First the tower learns to see what the teacher sees (--see: that share of the budget), then the whole model learns to answer, while
the tower goes on. Needs cache/dreams (make_dreams.py), cache/photos and the tokenizer in --model. A run that was cut off goes on
from its last checkpoint.
"""

import time

STARTED = time.time()

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import IterableDataset

from data.rows import loader, token_rows
from data.wording import CHAT
from model import export, tokenizer
from model.checkpoint import restore, save
from model.optim import Muon, split

from .bank import PIECE, photographs
from .questions import NAMES, ask, item
from .student import Distil, Student, normalise, small
from .teacher import load
from .things import things
from .views import Views

HERE = Path(__file__).resolve().parent.parent
LENGTH, TARGETS_PER_ROW = 204, 100


class Rows(IterableDataset):
    """Batches of questions: which pictures, of what, and their token rows."""

    def __init__(self, pools, path, batch, seed, start):
        self.pools, self.path, self.batch, self.seed, self.start = pools, str(path), batch, seed, start

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, self.start, info.id if info else 0])
        words = tokenizer.for_segments(self.path)
        torch.set_num_threads(1)
        there = [t for t, pool in enumerate(self.pools) if len(pool)]
        while True:
            named = rng.choice(there, self.batch)
            index = np.array([self.pools[t][int(rng.random() * len(self.pools[t]))] for t in named])
            asked = []
            for t in named:
                items = ask(NAMES[t], rng, 10)
                if rng.random() < 0.06:
                    items[-1] = item("chat", *CHAT[int(rng.random() * len(CHAT))])
                asked.append(items)
            yield {"index": torch.from_numpy(index), "named": torch.from_numpy(named), **token_rows(asked, words, tokenizer, LENGTH, TARGETS_PER_ROW)}


def load_bank(dreams, photos, pieces, teacher, groups, device, sure=0.5):
    """(pictures [N, 3, 192, 192] uint8, what each shows or -1, how many are dreams)"""
    shards = [torch.load(p) for p in sorted(Path(dreams).glob("*.pt"))]
    pictures, labels = torch.cat([s["pictures"] for s in shards]), torch.cat([s["labels"] for s in shards])
    labels = torch.where(torch.cat([s["sure"] for s in shards]) > sure, labels, -1)
    count, side = len(pictures), pictures.shape[-1]
    pictures = pictures.to(device)
    if pieces:
        real = torch.from_numpy(photographs(photos, pieces)).to(device)
        views, seen = Views(real, side), []
        for i in range(0, len(real), 512):
            x = F.interpolate(real[i:i + 512].float() / 255, size=(side, side), mode="bilinear", antialias=True)
            with torch.autocast(x.device.type, torch.bfloat16):
                p = teacher(x)[0].float().softmax(-1) @ groups
            seen.append(torch.where(p.amax(1) > 0.6, p.argmax(1), -1).cpu())
            pictures = torch.cat([pictures, (x * 255).round().byte()])
        labels = torch.cat([labels, *seen])
    return pictures, labels, count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--budget", type=float, default=770, help="seconds of training in all, over as many calls as it takes")
    parser.add_argument("--end-after", type=float, default=570, help="end this call after so many seconds of the program's clock")
    parser.add_argument("--see", type=float, default=0.6, help="the share of the budget in which only the tower learns")
    parser.add_argument("--out", type=Path, default=HERE / "runs/photo")
    parser.add_argument("--model", type=Path, default=HERE / "runs/photo/model", help="folder with the tokenizer's files")
    parser.add_argument("--teacher", default="cache/efficientnet-lite0.pth")
    parser.add_argument("--dreams", type=Path, default=Path("cache/dreams"))
    parser.add_argument("--photos", type=Path, default=Path("cache/photos"))
    parser.add_argument("--pieces", type=int, default=40)
    parser.add_argument("--real", type=float, default=0.25, help="the share of pieces of photographs in a batch")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=13)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--quantize-from", type=float, default=0.8)
    parser.add_argument("--steps", type=int, default=0, help="end after this many steps (tests)")
    parser.add_argument("--probe", type=Path, default=Path("cache/probe.npz"), help="photographs from elsewhere (elsewhere.py): only looked at, for the log")
    parser.add_argument("--shape", type=json.loads, default={})
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    known = things()
    teacher, distil = load(args.teacher, device, folded=True).to(memory_format=torch.channels_last), Distil(known, device)
    pictures, labels, dreams = load_bank(args.dreams, args.photos, args.pieces, teacher, distil.groups, device)
    labelled = [np.flatnonzero(labels.numpy() == t) for t in range(len(known))]
    print(f"{dreams} dreams, {len(pictures) - dreams} pieces of photographs, {sum(map(len, labelled))} with a name, at least {min(map(len, labelled))} a thing; "
          f"{time.time() - STARTED:.0f} s", flush=True)
    views = Views(pictures, pictures.shape[-1])
    model = Student(args.shape).to(device)
    print(f"{sum(p.numel() for n, p in model.named_parameters() if 'head' not in n):,} parameters", flush=True)
    muon, decay, rest = split(model)
    adam = [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
    optimizers = [Muon(muon, lr=args.lr, weight_decay=0.05), torch.optim.AdamW(adam, lr=args.lr, betas=(0.9, 0.98), fused=device == "cuda")]
    step, spent = 0, 0.0
    state = restore(args.out)
    if state:
        model.load_state_dict(state["model"], strict=False)
        for optimizer, s in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(s)
        step, spent = state["step"], state["spent"]
        print(f"going on from step {step}, {spent:.0f} s", flush=True)
    batches = iter(loader(Rows(labelled, args.model / "tokenizer.json", args.batch * 3 // 4, args.seed, step), args.workers))
    prefix = torch.tensor([1] + tokenizer.for_segments(args.model / "tokenizer.json").encode(" USER: ").ids, device=device)
    fast = (lambda f: torch.compile(f, dynamic=False)) if device == "cuda" else (lambda f: f)
    see, tell, teach = fast(model.see), fast(model.tell), fast(teacher)
    side = model.shape.image

    def taught(x):
        with torch.no_grad(), torch.autocast(device, torch.bfloat16):
            return teach(x.contiguous(memory_format=torch.channels_last))

    def any_of(n, much):
        """Pictures whatever they show."""
        real = torch.rand(n, device=device) < (args.real if len(pictures) > dreams else 0)
        index = torch.where(real, torch.randint(dreams, max(len(pictures), dreams + 1), (n,), device=device), torch.randint(dreams, (n,), device=device))
        return views(index, least=0.25, mix=much)

    probe = {}
    if args.probe.exists():
        kept = np.load(args.probe)
        for name in sorted({k.split("/")[0] for k in kept.files}):
            probe[name] = torch.from_numpy(kept[f"{name}/pixels"]).to(device), torch.tensor([NAMES.index(n) for n in kept[f"{name}/names"]], device=device)

    @torch.no_grad()
    def look():
        """How many of the photographs from elsewhere the teacher and the tower name, by their logits."""
        out = []
        for name, (seen, truth) in probe.items():
            x = seen.float() / 255
            with torch.autocast(device, torch.bfloat16):
                theirs, heads = teacher(x)[0], model.see(normalise(small(x, side)))[1]
            right = [(distil.named(l).argmax(-1) == truth).float().mean().item() for l in (theirs, heads[2], heads[3])]
            out.append(f"{name}: teacher {right[0]:.2f} [CLS] {right[1]:.2f} patches {right[2]:.2f}")
        print("; ".join(out), flush=True)

    torch.manual_seed(args.seed + step)
    first = taught(any_of(args.batch, 0.5))
    distil.measure(*first[1:])
    args.out.mkdir(parents=True, exist_ok=True)
    log = (args.out / "log.txt").open("a")
    begun, now, running, saved, both = time.time(), time.time(), [], time.time(), False
    while True:
        now = time.time()
        progress = (spent + now - begun) / args.budget if not args.steps else step / args.steps
        if progress >= 1 or now - STARTED > args.end_after or (args.steps and step >= args.steps):
            break
        rate = min(1.0, (step + 1) / args.warmup) * (0.5 + 0.5 * math.cos(math.pi * min(1, progress))) + 0.002
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = args.lr * rate
        answering = progress >= args.see
        if answering and not both:
            both = True
            print(f"answers from step {step} on", flush=True)
        if answering:
            batch = {k: v.to(device, non_blocking=True) for k, v in next(batches).items()}
            n = len(batch["index"])
            pixels = torch.cat([views(batch["index"], least=0.45, color=0.8), any_of(args.batch - n, 0.3)])
        else:
            pixels = any_of(args.batch, 0.5)
        known_of = taught(pixels)
        model.mix.fill_(0.0 if progress < args.quantize_from else float(step % 3 > 0))
        with torch.autocast(device, torch.bfloat16):
            hidden, heads = see(normalise(small(pixels, side)))
            fine, deep, kl = distil.loss(heads, known_of)
            loss = fine + 2 * deep + 0.5 * kl
            if answering:
                logits = tell(hidden[:n], prefix, batch["ids"], batch["positions"], batch["segments"], batch["targets_at"])
                shown = distil.named(known_of[0][:n]).gather(1, batch["named"][:, None])[:, 0] > 0.3
                each = F.cross_entropy(logits.float(), batch["labels"], ignore_index=-100, reduction="none")
                counts = (shown[batch["targets_at"] // LENGTH] & (batch["labels"] >= 0)).float()
                answer = (each * counts).sum() / counts.sum().clamp(min=1)
                hit = ((logits.argmax(-1) == batch["labels"]) * counts).sum() / counts.sum().clamp(min=1)
                loss = loss + answer
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        agree = (heads[3].argmax(-1) == known_of[0].argmax(-1)).float().mean()
        zero = torch.zeros((), device=device)
        running.append(torch.stack([x.detach().float() for x in (fine, deep, kl, agree, answer if answering else zero, hit if answering else zero, shown.float().mean() if answering else zero)]))
        if step % (100 if device == "cuda" else 1) == 0:
            mean = torch.stack(running).mean(0).tolist()
            running = []
            line = (f"step {step} {time.time() - begun + spent:.0f}s fine {mean[0]:.4f} deep {mean[1]:.4f} kl {mean[2]:.3f} agrees {mean[3]:.3f} answer {mean[4]:.4f} "
                    f"token accuracy {mean[5]:.4f} shown {mean[6]:.2f}")
            print(line, flush=True)
            print(line, file=log, flush=True)
        if step % 500 == 0:
            look()
        if time.time() - saved > 150:
            saved = time.time()
            export.export(model, args.out / "model")
    spent += time.time() - begun
    look()
    save(args.out, {"model": dict(model.state_dict()), "optimizers": [o.state_dict() for o in optimizers], "step": step, "spent": spent, "seed": args.seed})
    print(f"{step} steps, {spent:.0f} s, {export.export(model, args.out / 'model')} bytes of weights", flush=True)


if __name__ == "__main__":
    main()
