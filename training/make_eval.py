"""Writes the evaluation set: python make_eval.py [--out ../datasets/demo]

Plain files that any program can read: pictures (PNG) and eval.jsonl, one question a line with

    image, kind, style, prompt, answers (accepted), claim, tone, claimed, truth, claimed_answers; for claims also things, size

An answer is right if, in lower case and without its last full stop, it equals one of `answers` treated
the same way. For a false claim, `claimed_answers` are the answers of someone who believes the claim.
Pictures come from the same drawings as in training in new scenes (known styles), or from the style that
was held out of training, or from easy-VQA's test split. Deterministic for a seed.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from data import easyvqa, scenes
from data.atlas import CACHE, load
from data.claims import claim
from data.compose import Composer
from data.questions import Asker
from data.scenes import Catalogue, sample
from data.shapes import cells as shape_cells
from data.things import HELD_OUT_STYLE

# kind -> (how the asker asks it, how many on known styles, how many in the held-out style)
PLAN = {"name": ("name", 60, 60), "kind": ("kind_of", 40, 25), "exist": ("exist", 60, 40), "count": ("count", 40, 25), "count-all": ("count_all", 20, 10),
        "side": ("side", 30, 15), "side-check": ("side_check", 30, 15), "where": ("where", 30, 0), "at": ("at", 20, 0), "colour": ("colour", 50, 20),
        "shape": ("shape", 30, 0), "describe": ("describe", 50, 25)}
CLAIMS = {("true", "sure"): 25, ("true", "plain"): 15, ("true", "doubtful"): 15, ("false", "sure"): 60, ("false", "plain"): 45, ("false", "doubtful"): 45}
EASY = 60
PER_PICTURE = 3


def render(scene, cells, width, rows):
    """The scene at twice the width from large cells, then made smaller: sharper than in training."""
    used = sorted({int(c) for c in scene["place"][:, scenes.CELL] if c >= 0})
    place = scene["place"].copy()
    for row in place:
        if row[scenes.CELL] >= 0:
            row[scenes.CELL] = used.index(int(row[scenes.CELL]))
    part = np.stack([cells[c] for c in used]) if used else cells[:1]
    composer = Composer(part, [0] * len(part), 2 * width, 2 * width // 12, "cpu")
    look = scene["look"].copy()
    pixels, _ = composer(torch.from_numpy(place)[None], torch.from_numpy(look)[None])
    picture = Image.fromarray((pixels[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    return picture.resize((width, width), Image.Resampling.LANCZOS)


def widened(picture, rng):
    """Now and then a wider or taller picture; the processor's centre crop gives the square back."""
    if rng.random() > 0.15:
        return picture
    width = picture.width
    colour = picture.getpixel((0, 0))
    extra = int(width * rng.uniform(0.05, 0.25))
    wide = rng.random() < 0.6
    out = Image.new("RGB", (width + 2 * extra, width) if wide else (width, width + 2 * extra), colour)
    out.paste(picture, (extra, 0) if wide else (0, extra))
    return out


class Writer:
    def __init__(self, folder):
        self.folder, self.lines, self.pictures = folder, [], 0
        (folder / "images").mkdir(parents=True, exist_ok=True)
        for old in (folder / "images").glob("*.png"):
            old.unlink()

    def picture(self, image, colours=64):
        name = f"images/{self.pictures:04d}.png"
        image.quantize(colours, dither=Image.Dither.NONE).save(self.folder / name, optimize=True)
        self.pictures += 1
        return name

    def add(self, image, kind, style, got, claimed_answers=None, **more):
        self.lines.append({"image": image, "kind": kind, "style": style, "prompt": got["question"].replace(" a orange ", " an orange "), "answers": got["answers"], "claim": got["claim"],
                           "tone": got["tone"], "claimed": got["claimed"], "truth": got["truth"], "claimed_answers": claimed_answers, **more})


def believing(got):
    """The answers that follow a false claim."""
    claimed, truth = got["claimed"], got["truth"]
    if claimed in ("yes", "no"):
        thing = got["answers"][0].removeprefix("No, there is no ").rstrip(".")
        return [f"Yes, there is {'an' if thing[0] in 'aeiou' else 'a'} {thing}."]
    out = []
    for answer in got["answers"]:
        out.append(answer.replace(f"a {truth}.", f"a {claimed}.").replace(f"an {truth}.", f"a {claimed}.") if f" {truth}." in answer and "is a" in answer
                   else answer.replace(f" {truth}", f" {claimed}"))
        if "is a" in out[-1] and claimed[0] in "aeio":
            out[-1] = out[-1].replace(f"a {claimed}", f"an {claimed}")
    return out


def fix_count(got, asked):
    """"There are two apples." for someone who believes in one: "There is one apple." and the like."""
    from data.questions import NUMBERS, there_are
    number = NUMBERS.index(got["claimed"])
    return [there_are(number, asked)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "datasets" / "demo")
    parser.add_argument("--atlas", type=Path, default=CACHE / "atlas256.npz", help="the same atlas at 256 pixels")
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cells, rows = load(args.atlas)
    cells = list(cells) + list(shape_cells(cells.shape[1]))
    rng = np.random.default_rng(args.seed)
    torch.manual_seed(args.seed)
    writer = Writer(args.out)
    known, held = Catalogue(rows), Catalogue(rows, [HELD_OUT_STYLE])

    for cat, column, style in ((known, 1, "known"), (held, 2, HELD_OUT_STYLE)):
        left = {k: v[column] for k, v in PLAN.items()}
        claims = dict(CLAIMS) if style == "known" else {}
        while any(left.values()) or any(claims.values()):
            single = left["name"] + sum(claims.values()) > sum(left.values()) - left["name"]
            scene = sample(cat, rng, count=1 if single else int(rng.choice([1, 2, 3, 4], p=[0.25, 0.35, 0.25, 0.15])),
                           shapes=0.7 if left["shape"] and rng.random() < 0.5 else 0.12, plain=True, faint=0)
            if scene["look"][scenes.GROUND] == 2:
                scene["look"][scenes.GROUND] = 0
            asker, wanted = Asker(scene, cat, rng), []
            open_claims = [k for k, v in claims.items() if v]
            for truth, tone in [open_claims[i] for i in rng.permutation(len(open_claims))[:2]]:
                got = claim(asker, tone, truth == "false")
                if got:
                    counted = got["truth"] if got["truth"] in ("one", "two", "three", "four") else None
                    follow = None
                    if truth == "false":
                        if counted:
                            word = "thing" if "thing" in got["answers"][0] else max(asker.names, key=asker.names.count)
                            follow = fix_count(got, word)
                        else:
                            follow = believing(got)
                    size = round(max(o["size"] for o in scene["objects"]), 2)
                    wanted.append((f"claim-{truth}", got, follow, {"things": len(scene["objects"]), "size": size}))
                    claims[(truth, tone)] -= 1
            kinds = [k for k, v in left.items() if v]
            for kind in [kinds[i] for i in rng.permutation(len(kinds))]:
                if len(wanted) >= PER_PICTURE:
                    break
                got = getattr(asker, PLAN[kind][0])()
                if got and not (kind == "name" and got["kind"] != "name"):
                    if kind == "name":
                        got["answers"] = got["answers"] + [got["answer"].removeprefix("It is ").capitalize()]
                        if " an orange " in got["answer"]:  # the first weights learned this slip
                            got["answers"].append(got["answer"].replace(" an orange ", " a orange "))
                    if kind == "describe" and len(asker.objects) == 1:
                        got["answers"] = got["answers"] + ["It is " + got["answer"][0].lower() + got["answer"][1:]]
                    wanted.append((kind, got, None, {}))
                    left[kind] -= 1
            if wanted:
                image = writer.picture(widened(render(scene, cells, int(rng.choice([112, 144, 168, 200, 240])), rows), rng))
                for kind, got, follow, more in wanted:
                    writer.add(image, kind, style if style != "known" else scene["style"], got, follow, **more)

    pictures, questions = easyvqa.unpack(CACHE / "easyvqa.npz", "test")
    for start in rng.permutation(len(pictures))[: EASY // 3].tolist():
        image = writer.picture(Image.fromarray(pictures[start]), 32)
        own = [(q, a) for q, a, i in questions if i == start]
        own = [own[i] for i in rng.permutation(len(own))[:3]]
        for question, word in own:
            writer.add(image, "easyvqa", "easy-VQA test", easyvqa.as_item(question, word))
    (args.out / "eval.jsonl").write_text("".join(json.dumps(line) + "\n" for line in writer.lines))
    total = sum(f.stat().st_size for f in args.out.rglob("*") if f.is_file())
    print(f"{len(writer.lines)} questions, {writer.pictures} pictures, {total / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
