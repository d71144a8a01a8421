"""Fewer or more image tokens (prune, replicate), computed with transformers' own modules on the checkpoints beside this.

For every checkpoint: what image tokens are ranked by, and which are kept. For one of each family: logits, attention
and a greedy answer for every option. Positions come from the model (get_rope_index, or counting from 0 for LLaVA) and
go in as position_ids; nothing rotary is computed here.
"""

import json
import shutil
from fractions import Fraction

import torch
from safetensors.torch import load_file
from transformers import (
    DynamicCache, InternVLForConditionalGeneration, LlavaForConditionalGeneration, Qwen2_5_VLForConditionalGeneration,
    Qwen2VLForConditionalGeneration, Qwen3VLForConditionalGeneration,
)
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import eager_attention_forward
from transformers.vision_utils import get_vision_window_index

import make_internvl
import make_positions
from common import HERE, margins, save_tensors, setup, write_json
from make_interleave import vision_parts as siglip_parts
from make_llava import vision_parts

LLAVA = ["llava-mha", "llava-gqa", "llava-v4", "llava-headdim"]
INTERLEAVE = ["interleave-full", "interleave-v4"]
QWEN = ["qwen-square", "qwen-wide", "qwen-tall", "qwen-exact"]
QWEN2 = ["qwen2-tall", "qwen2-wide"]
QWEN3 = ["qwen3-tall", "qwen3-wide"]
INTERNVL = ["internvl-qwen2", "internvl-qwen3"]
# Answers whose margins leave no doubt.
RUN = ["llava-mha", "interleave-full", "qwen-tall", "qwen2-tall", "qwen3-tall", "internvl-qwen2"]
RATES, COPIES, NEW_TOKENS = ("0.5", "0.75", "0.9"), (1, 3), 10


def count(n, rate, how):
    """How many of n tokens remain, in exact fractions: a half counts up; never none."""
    left = n * (1 - Fraction(rate))
    return max(1, int(left + Fraction(1, 2)) if how == "round" else int(left))


def keep(scores, k):
    """FasterVLM: the k tokens with the highest scores, in raster order."""
    mask = torch.zeros(len(scores), dtype=torch.bool)
    mask[scores.topk(k).indices] = True
    return mask.nonzero()[:, 0]


class Llava:
    deep = None

    def forward(self, ids=None, embeds=None, **given):
        given |= {"input_ids": ids} if embeds is None else {"inputs_embeds": embeds}
        return self.model(**given)

    def __init__(self, name, golden):
        self.model = LlavaForConditionalGeneration.from_pretrained(
            HERE / name, dtype=torch.float32, attn_implementation="eager").eval()
        self.pixels, self.token = golden["pixel_values"][None], self.model.config.image_token_id
        self.side = self.model.config.vision_config.image_size // self.model.config.vision_config.patch_size

    def scores(self):
        """[CLS] row of the block whose output the features are, head mean, patches only."""
        return vision_parts(self.model, self.pixels, self.model.config.vision_feature_layer)[1][1:]

    def features(self):
        return self.model.model.get_image_features(self.pixels, return_dict=True).pooler_output[0]

    def grid(self):
        return self.side, self.side

    def positions(self, before, copies, after):
        """Positions of a sequence of whole pictures, [S, 1], and the next one."""
        follows = before + copies * self.side**2 + after
        return torch.arange(follows)[:, None], follows

    def ids(self, positions):
        return positions.T


class Interleave(Llava):
    def scores(self):
        """Attention received in the block whose output the features are, mean over heads and queries."""
        return siglip_parts(self.model, self.pixels, self.model.config.vision_feature_layer)[1]


class InternVl(Llava):
    """One tile; its patches are seen with their [CLS], too."""

    def __init__(self, name, golden):
        self.model = InternVLForConditionalGeneration.from_pretrained(
            HERE / name, dtype=torch.float32, attn_implementation="eager").eval()
        self.pixels, self.token = golden["pixel_values"][None], self.model.config.image_token_id
        self.side = int(len(golden["image_features"]) ** 0.5)

    def scores(self):
        return make_internvl.cls_scores(self.model, self.pixels)


class Qwen:
    kind, deep, forward = Qwen2_5_VLForConditionalGeneration, None, Llava.forward

    def __init__(self, name, golden):
        self.model = self.kind.from_pretrained(
            HERE / name, dtype=torch.float32, attn_implementation="eager").eval()
        self.pixels, self.thw, self.token = (
            golden["pixel_values"], golden["image_grid_thw"][None], self.model.config.image_token_id)

    def scores(self):
        """Attention received in the last full block: mean over heads, queries and the patches of a token."""
        visual, c, seen = self.model.model.visual, self.model.config.vision_config, []
        full = getattr(c, "fullatt_block_indexes", range(c.depth))
        last = visual.blocks[max(i for i in full if i < c.depth)].attn

        def watched(module, *args, **kwargs):
            output, weights = eager_attention_forward(module, *args, **kwargs)
            if module is last:
                seen.append(weights)
            return output, weights

        ALL_ATTENTION_FUNCTIONS.register("watched", watched)
        visual.config._attn_implementation = "watched"
        features = visual(self.pixels, grid_thw=self.thw, return_dict=True).pooler_output
        visual.config._attn_implementation = "eager"
        assert torch.equal(features, self.features()) and len(seen) == 1, "a full block attends in one go"
        patches = seen[0][0].mean((0, 1))  # [1, heads, queries, keys]
        assert abs(patches.sum() - 1) < 1e-5
        if not hasattr(c, "window_size"):
            return patches.reshape(-1, 4).mean(1)
        order, _ = get_vision_window_index(self.thw, spatial_merge_size=2, window_size=c.window_size,
                                           patch_size=c.patch_size)
        return patches.reshape(-1, 4).mean(1)[order.argsort()]

    def features(self):
        return self.model.model.visual(self.pixels, grid_thw=self.thw, return_dict=True).pooler_output

    def grid(self):
        return int(self.thw[0, 1]) // 2, int(self.thw[0, 2]) // 2

    def positions(self, before, copies, after):
        found, follows = make_positions.rope_index(self.model.model, before, *self.grid(), copies, after)
        return torch.tensor(found), follows

    def ids(self, positions):
        return positions.T[:, None]


class Qwen2(Qwen):
    kind = Qwen2VLForConditionalGeneration


class Qwen3(Qwen):
    """Its features for early layers are handed to the language model itself."""

    kind = Qwen3VLForConditionalGeneration

    def __init__(self, name, golden):
        super().__init__(name, golden)
        self.deep = self.model.model.visual(self.pixels, grid_thw=self.thw, return_dict=True).deepstack_features

    def forward(self, ids=None, embeds=None, image=None, deep=None, **given):
        embeds = self.model.get_input_embeddings()(ids) if embeds is None else embeds
        if deep is not None:
            mask = torch.zeros(embeds.shape[:2], dtype=torch.bool)
            mask[:, image] = True
            given |= {"visual_pos_masks": mask, "deepstack_visual_embeds": deep}
        out = self.model.model.language_model(inputs_embeds=embeds, return_dict=True, **given)
        out.logits = self.model.lm_head(out.last_hidden_state)
        return out


def placed(it, kept, case, before, after):
    """Positions of text, the kept tokens of every copy, and text, as the options have them; and the next one."""
    n, copies = it.grid()[0] * it.grid()[1], case["replicate"]
    if case["positions"] == "repacked" and len(kept) < n:
        # What was dropped never stood there: what is left counts on like text, on every axis.
        shared = case["copies"] == "shared"
        follows = before + len(kept) * (1 if shared else copies) + after
        axes = it.positions(before, 1, after)[0].shape[1]
        count = torch.arange(follows)[:, None].expand(-1, axes)
        picture = count[before : before + len(kept)].repeat(copies if shared else 1, 1)
        picture = picture if shared else count[before : follows - after]
        return torch.cat([count[:before], picture, count[follows - after :]]), follows
    asked = 1 if case["copies"] == "shared" else copies
    whole, follows = it.positions(before, asked, after)
    pictures = [whole[before + (c % asked) * n + kept] for c in range(copies)]
    return torch.cat([whole[:before], *pictures, whole[before + asked * n :]]), follows


def run(it, ids, features, indices, positions, follows):
    """The answer to a prompt whose picture is these features at these positions, and what was looked at."""
    model, start = it.model, ids.tolist().index(it.token)
    stop = start + int((ids == it.token).sum())
    words = model.get_input_embeddings()(ids)
    embeds = torch.cat([words[:start], features[indices], words[stop:]])[None]
    s, n = embeds.shape[1], NEW_TOKENS
    assert len(positions) == s
    deep = {} if it.deep is None else {
        "image": slice(start, start + len(indices)), "deep": [level[indices] for level in it.deep]}
    # A mask is given: with neither mask nor cache transformers takes positions with gaps for packed sequences.
    given = dict(use_cache=True, output_attentions=True, past_key_values=DynamicCache(config=model.config.text_config))
    step = it.forward(embeds=embeds, position_ids=it.ids(positions), attention_mask=torch.ones(1, s), **deep, **given)
    maps = torch.stack([a[0] for a in step.attentions])
    lower = torch.ones(s, s).tril().bool()
    assert ((maps.sum(-1) - 1).abs() < 1e-5).all() and (maps[..., ~lower] == 0).all() and (maps[..., lower] > 0).all()
    logits, answer = [step.logits[0, -1]], []
    rows = torch.zeros(*maps.shape[:2], n, s + n - 1)
    rows[:, :, 0, :s] = maps[:, :, -1]
    for k in range(n):
        answer.append(int(logits[-1].argmax()))
        if k + 1 < n:
            at = torch.full((1, positions.shape[1]), follows + k)
            step = it.forward(ids=torch.tensor([[answer[-1]]]), position_ids=it.ids(at),
                              attention_mask=torch.ones(1, s + k + 1), **given)
            logits.append(step.logits[0, -1])
            rows[:, :, k + 1, : s + k + 1] = torch.stack([a[0, :, 0] for a in step.attentions])
    logits = torch.stack(logits)
    # Once more without a cache.
    new = torch.tensor(answer[:-1])
    all_at = torch.cat([positions, torch.arange(follows, follows + n - 1)[:, None].expand(-1, positions.shape[1])])
    once = it.forward(embeds=torch.cat([embeds, model.get_input_embeddings()(new)[None]], 1),
                      position_ids=it.ids(all_at), attention_mask=torch.ones(1, s + n - 1), use_cache=False,
                      output_attentions=True, **deep)
    assert (once.logits[0, s - 1 :] - logits).abs().max() < 1e-3
    assert (torch.stack([a[0] for a in once.attentions])[:, :, s - 1 :] - rows).abs().max() < 1e-5
    return {"logits": logits, "rows": rows, "maps": maps, "ids": torch.tensor(answer)}


def cases():
    plain = dict(prune="0", count="round", positions="own", replicate=1, copies="new")
    for rate in RATES:
        for how in ("round", "floor"):
            for where in ("repacked", "kept"):
                yield plain | dict(prune=rate, count=how, positions=where)
    for times in COPIES:
        for copies in ("new", "shared"):
            yield plain | dict(replicate=times, copies=copies)
    for where in ("repacked", "kept"):
        for copies in ("new", "shared"):
            yield plain | dict(prune="0.75", positions=where, replicate=3, copies=copies)


def runs(it, golden, scores):
    ids, features, n = golden["input_ids"], it.features(), len(scores)
    before = ids.tolist().index(it.token)
    after = len(ids) - before - n
    tensors, facts, done, worst = {}, [], {}, 1.0
    for case in cases():
        kept = torch.arange(n) if case["prune"] == "0" else keep(scores, count(n, case["prune"], case["count"]))
        positions, follows = placed(it, kept, case, before, after)
        indices = kept.repeat(case["replicate"])
        key = (tuple(indices.tolist()), tuple(map(tuple, positions.tolist())), follows)
        if key not in done:
            name = f"run{len(done)}"
            out = run(it, ids, features, indices, positions, follows)
            done[key] = name, out
            worst = min(worst, margins(out["logits"])["relative_min"])
            # The first and the last predicting row, and the last layer's map: they depend on all that went before.
            maps = out["maps"]
            lower = torch.ones(maps.shape[-2:]).tril().bool()
            tensors |= {f"{name}/generated_ids": out["ids"], f"{name}/rows": out["rows"][:, :, [0, -1]],
                        f"{name}/logits": out["logits"][[0, -1]], f"{name}/last_layer": maps[-1][:, lower]}
        name, out = done[key]
        facts.append(case | dict(run=name, kept=kept.tolist(), before=before, after=after,
                                 at=positions.expand(-1, 3).tolist(), next=follows))
        if case == next(c for c in cases() if c["prune"] == "0"):
            assert torch.equal(out["ids"], golden["generated_ids"][:NEW_TOKENS]), "nothing done, nothing changed"
            assert torch.allclose(out["maps"], golden["attention_prefill"], atol=1e-6)
    # In the first layer copies at shared positions are equal keys: every text row after them looks at the picture with
    # k times the weight, and the rest shrinks alike.
    def first_layer(copies):
        case = next(c for c in cases() if c["prune"] == "0" and c["copies"] == "shared" and c["replicate"] == copies)
        fact = next(f for f in facts if {k: f[k] for k in case} == case)
        maps = next(out for name, out in done.values() if name == fact["run"])["maps"][0][:, -after:]
        return maps[..., before : before + copies * n].sum(-1)
    once, thrice = first_layer(1), first_layer(3)
    assert torch.allclose(thrice, 3 * once / (1 + 2 * once), atol=1e-6)
    return tensors, facts, worst


def main():
    setup()
    folder = HERE / "levers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ranked, chosen = {}, {}
    kinds = [(Llava, LLAVA), (Interleave, INTERLEAVE), (Qwen, QWEN), (Qwen2, QWEN2), (Qwen3, QWEN3), (InternVl, INTERNVL)]
    for kind, name in [(kind, name) for kind, names in kinds for name in names]:
        golden = load_file(HERE / name / "golden.safetensors")
        it = kind(name, golden)
        scores = it.scores()
        n, gap = len(scores), scores.sort().values.diff().min().item()
        ranked[name] = scores
        chosen[name] = [dict(prune=rate, count=how, kept=keep(scores, count(n, rate, how)).tolist())
                        for rate in RATES for how in ("round", "floor")]
        line = f"{name}: {n} image tokens, smallest score gap {gap:.1e}"
        assert gap > 1e-6, line
        if name in RUN:
            tensors, facts, worst = runs(it, golden, scores)
            save_tensors(folder / f"{name}.safetensors", tensors)
            lines = ",\n".join(map(json.dumps, facts))
            (folder / f"{name}.json").write_text(f"[\n{lines}\n]\n")
            size = (folder / f"{name}.safetensors").stat().st_size
            line += f", {len(facts)} cases in {len(tensors) // 4} runs, margin {worst:.4f}, {size / 2**20:.2f} MiB"
            assert worst > 1e-3, line
        print(line, flush=True)
    save_tensors(folder / "scores.safetensors", ranked)
    write_json(folder / "kept.json", chosen)


if __name__ == "__main__":
    main()
