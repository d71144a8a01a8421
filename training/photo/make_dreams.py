"""Dreams the training pictures: python -m photo.make_dreams --end-after 500 --out cache/dreams

Three in four begin as pieces of the photographs in --photos, the rest as noise. Writes shards of a thousand or so: pictures (uint8),
the number of the thing in each and how sure the teacher is of it.
"""

import time

STARTED = time.time()

import argparse
from pathlib import Path

import torch

from .bank import photographs
from .dream import SIDE, Statistics, dream, smooth_noise
from .teacher import load
from .things import things
from .views import Views


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--end-after", type=float, default=500)
    parser.add_argument("--teacher", default="cache/efficientnet-lite0.pth")
    parser.add_argument("--photos", type=Path, default=Path("cache/photos"))
    parser.add_argument("--out", type=Path, default=Path("cache/dreams"))
    parser.add_argument("--batch", type=int, default=320)
    parser.add_argument("--steps", type=int, default=72)
    parser.add_argument("--rate", type=float, default=0.12)
    parser.add_argument("--weight", type=float, default=0.6)
    parser.add_argument("--most", type=int, default=10 ** 9)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    torch.backends.cudnn.benchmark = True
    teacher = load(args.teacher, device).to(memory_format=torch.channels_last)
    statistics, known = Statistics(teacher), things()
    groups = torch.zeros(1000, len(known), device=device)
    for i, (_, _, classes) in enumerate(known):
        groups[classes, i] = 1
    photos = Views(torch.from_numpy(photographs(args.photos, 12)).to(device), SIDE)
    args.out.mkdir(parents=True, exist_ok=True)
    order, done, shard = [], 0, len(list(args.out.glob("*.pt")))
    pictures, labels, sure = [], [], []

    def write():
        nonlocal shard
        if pictures:
            torch.save({"pictures": torch.cat(pictures), "labels": torch.cat(labels), "sure": torch.cat(sure)}, args.out / f"{shard:04}.pt")
            shard += 1
            pictures.clear(), labels.clear(), sure.clear()

    took = 0.0
    while done < args.most and time.time() - STARTED + 1.1 * took < args.end_after:
        began = time.time()
        while len(order) < args.batch:
            order += torch.randperm(len(known)).tolist()
        want, order = order[:args.batch], order[args.batch:]
        fine = torch.tensor([known[t][2][int(torch.randint(len(known[t][2]), ()))] for t in want], device=device)
        noise = smooth_noise(args.batch, SIDE, device)
        piece = photos(torch.randint(len(photos.bank), (args.batch,), device=device), least=0.15, mix=0.5)
        share = 0.3 * torch.rand(args.batch, 1, 1, 1, device=device)
        begin = torch.where(torch.arange(args.batch, device=device).view(-1, 1, 1, 1) % 4 > 0, piece * (1 - share) + noise * share, noise)
        made, logits, off = dream(teacher, statistics, fine, begin, args.steps, args.rate, args.weight)
        want = torch.tensor(want, device=device)
        p = (logits.softmax(-1) @ groups).gather(1, want[:, None])[:, 0]
        pictures.append((made * 255).round().byte().cpu())
        labels.append(want.cpu())
        sure.append(p.cpu())
        done += args.batch
        took = time.time() - began
        if sum(len(p) for p in pictures) >= 4000:
            write()
        print(f"{done} pictures, {took:.1f} s a batch, the teacher is sure by {p.mean():.2f}, statistics off by {off:.1f}, {time.time() - STARTED:.0f} s", flush=True)
    write()


if __name__ == "__main__":
    main()
