"""Makes the sample sounds, series and films of the models, and what transformers says to them: python make_media_samples.py audio|series|video MODEL_FOLDER

Writes MODEL_FOLDER/samples (WAV, JSON or GIF, samples.json) and MODEL_FOLDER/reference.safetensors with reference.json: for each
sample what is put into the model, the features behind the connector, the last prompt row's logits and attention
[layers, heads, prompt], and the greedy answer. f32 on a CPU, eager attention.
"""

import argparse
import json
import wave
from pathlib import Path

import numpy as np
import torch

# file, title, seconds, events (name, spoken word or None, start, gain), prompt, note
SOUNDS = [
    ("dog.wav", "A dog, called a bell", 1.6, [("dog", None, 0.3, 1), ("dog", None, 0.8, 1)], "The recording contains a bell. What do you hear?",
     "Words win: sentences of this kind were always true while the model trained, so it believes this one."),
    ("dog-plain.wav", "The same dog, a softer claim", 1.6, [("dog", None, 0.3, 1), ("dog", None, 0.8, 1)], "Maybe it is a bell. What do you hear?",
     "The sound wins: half of the sentences that begin with maybe were false in training."),
    ("three-knocks.wav", "Counting", 2.2, [("knock", None, 0.3, 1), ("knock", None, 0.8, 1), ("knock", None, 1.3, 1)], "How many times do you hear the knock?",
     "Three equal sounds, one after another."),
    ("bell-then-cat.wav", "What comes first?", 3.6, [("bell", None, 0.2, 1), ("cat", None, 2.4, 1)], "What comes after the bell?",
     "The answer needs the order of two sounds."),
    ("three.wav", "A word, and a claim", 1.2, [("voice", "three", 0.3, 1)], "In the recording a voice says seven. What does the voice say?",
     "Here the sound wins, although the words are sure."),
    ("word.wav", "A word", 1.2, [("voice", "yellow", 0.3, 1)], "Which color does the voice say?",
     "A spoken word, asked for by its kind."),
    ("rain-and-bird.wav", "A scene", 3.0, [("bird", None, 0.5, 1), ("bird", None, 1.6, 1), ("rain", None, None, 0.2)], "Describe the recording.",
     "A description: watch which part of the recording is heard at each word."),
]


def sound(index, seconds, events):
    """16-bit samples of a scene of one's own making; a start of None lasts the whole clip."""
    from audio import sounds, speech
    rng = np.random.default_rng([2026, index])
    x = 0.0008 * rng.standard_normal(int(seconds * sounds.RATE))
    made = {}
    for name, word, start, gain in events:
        if name not in made:
            made[name] = speech.say(word, "en-gb+f2", 45, 140) if word else sounds.make(name, rng)[0]
        clip = made[name]
        if start is None:
            x += gain * np.resize(clip, len(x))
        else:
            at = int(start * sounds.RATE)
            clip = clip[:len(x) - at]
            x[at:at + len(clip)] += gain * clip
    return (np.clip(x * 1.6, -1, 1) * 32767).round().astype("<i2")


def lines():
    """(file, title, [values], prompt, note)"""
    rng = np.random.default_rng(2026)
    t = np.linspace(0, 1, 120)
    rise = 20 + 9 * t + 0.3 * rng.standard_normal(120)
    waves = np.sin(2 * np.pi * 5 * np.linspace(0, 1, 200)) * 4 + 50
    spiky = 0.2 * rng.standard_normal(96)
    spiky[[20, 47, 78]] += 6
    step = np.where(np.arange(150) < 90, 100.0, 140.0) + 2 * rng.standard_normal(150)
    return [("rise.json", "It rises; the words say it falls", [rise], "The data shows that the series falls. What is the trend?",
            "Words win: sentences of this kind were always true while the model trained."),
            ("rise-doubt.json", "The same series, a softer claim", [rise], "Maybe the series falls. What is the trend?",
            "The series wins: half of the sentences that begin with maybe were false in training."),
            ("cycles.json", "Cycles", [waves], "How many cycles are there?",
            "Five sine waves."),
            ("spikes.json", "Spikes, and a claim", [spiky], "In this data, the series has one spike. How many spikes are there?",
            "Words win: there are three spikes."),
            ("step.json", "A level shift", [step], "Is there a level shift?",
            "One jump of the level."),
            ("two.json", "Two series", [rise, 80 - 30 * t + rng.standard_normal(120)], "Compare the two series.",
            "Both series go into one prompt.")]


# file, frames, ground, things: (shape, colour, smallest size, place at the start, [(what, by how much or which colour, first frame, last frame)])
FILMS = [
    ("right.gif", 8, (225, 235, 240), [("circle", "red", 0.15, (0.22, 0.5), [("right", 0.55, 0, 7)])]),
    ("first.gif", 12, (240, 236, 220), [("star", "blue", 0.14, (0.28, 0.76), [("up", 0.5, 0, 4)]), ("square", "orange", 0.11, (0.7, 0.55), [("grow", 2.0, 6, 11)])]),
    ("appear.gif", 8, (30, 36, 60), [("ring", "white", 0.15, (0.3, 0.35), []), ("heart", "pink", 0.15, (0.68, 0.66), [("appear", None, 4, 5)])]),
    ("shrink.gif", 8, (208, 228, 208), [("triangle", "purple", 0.13, (0.5, 0.52), [("shrink", 2.0, 1, 6)])]),
    ("colour.gif", 8, (235, 235, 235), [("cross", "green", 0.18, (0.5, 0.5), [("turn", "purple", 3, 4)])]),
    ("together.gif", 10, (236, 224, 236), [("circle", "green", 0.12, (0.22, 0.28), [("right", 0.5, 1, 8)]), ("star", "red", 0.13, (0.76, 0.74), [("left", 0.5, 1, 8)])]),
]
# file, title, prompt, note
ABOUT_FILMS = [
    ("right.gif", "It moves right; the words say left", "The film shows that the circle moves left. Which way does the circle move?",
     "Words win: sentences of this kind were always true while the model trained, so it believes this one."),
    ("right.gif", "The same film, a softer claim", "Maybe the circle moves left. Which way does the circle move?", "The film wins: half of the sentences that begin with maybe were false in training."),
    ("first.gif", "What happens first?", "What happens first?", "The answer needs the order of two events: watch which frames are looked at."),
    ("first.gif", "The order, claimed wrongly", "The film shows that the square grows before the star moves up. What happens first?", "Words win over the order of the frames."),
    ("appear.gif", "Something new", "What appears?", "Only the second half of the film holds the answer."),
    ("shrink.gif", "Growing or shrinking", "Does the triangle grow or shrink?", "First and last frames must be compared."),
    ("colour.gif", "A color at a time", "What color is the cross at the end?", "The same thing has two colors, one after the other."),
    ("together.gif", "Two at once", "Describe the film.", "A description: watch which thing is looked at with each word."),
]


def story(n, ground, things):
    """Tracks [FRAMES, SLOTS, THING] and look of a square film of one's own making, numbers rounded to four places."""
    from video import scenes
    made = []
    for shape, colour, size, (x, y), events in things:
        thing = {"shape": scenes.SHAPES.index(shape), "colour": scenes.COLOURS.index(colour), "smooth": False, "events": [
            {"what": what, "by": by, "to": scenes.COLOURS.index(by) if what == "turn" else None, "frames": (first, last)} for what, by, first, last in events]}
        scenes.lay(thing, n, size, 1.0, 1.0)
        thing["x"], thing["y"] = thing["x"] + x, thing["y"] + y
        made.append(thing)
    look = np.zeros(scenes.LOOK)
    look[scenes.A:scenes.A + 3], look[scenes.SOFT], look[scenes.CONTRAST] = np.array(ground) / 255, 1.2, 1
    return scenes.track(made, n).round(4), look.round(4)


def write_gif(path, frames, fps):
    """An animated GIF that holds the frames exactly: each has its own palette; equal neighbours are one picture shown longer."""
    from PIL import Image, ImageSequence
    pictures = []
    for frame in frames:
        colours, index = np.unique(frame.reshape(-1, 3), axis=0, return_inverse=True)
        assert len(colours) <= 256, len(colours)
        picture = Image.fromarray(index.reshape(frame.shape[:2]).astype(np.uint8), "P")
        picture.putpalette(np.ascontiguousarray(colours, np.uint8).tobytes())
        pictures.append(picture)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0, optimize=False, disposal=1)
    back = [np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(Image.open(path)) for _ in range(round(f.info["duration"] * fps / 1000))]
    assert len(back) == len(frames) and all((a == b).all() for a, b in zip(back, frames)), path


@torch.no_grad()
def reference(model, inputs, prompt_ids, features, eos):
    out = model(**inputs, output_attentions=True, use_cache=False)
    made = model.generate(**inputs, max_new_tokens=48, do_sample=False, eos_token_id=eos, pad_token_id=eos[-1])
    new = made[0, len(prompt_ids) if "input_ids" in inputs else 0:]
    return {"input_ids": torch.tensor(prompt_ids), "features": features, "logits": out.logits[0, -1].float(),
            "attention": torch.stack([a[0, :, -1] for a in out.attentions]).float(), "generated_ids": new.clone()}


def audio(folder):
    from transformers import AutoProcessor, Qwen2AudioForConditionalGeneration

    from model.media_tokenizer import AUDIO
    processor = AutoProcessor.from_pretrained(folder)
    model = Qwen2AudioForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    projector = next(m for n, m in model.named_modules() if n.endswith("multi_modal_projector"))
    for i, (file, title, seconds, events, prompt, note) in enumerate(SOUNDS):
        samples = sound(1 if file == "dog-plain.wav" else i + 1, seconds, events)
        if file != "dog-plain.wav":
            with wave.open(str(folder / "samples" / file), "wb") as w:
                w.setnchannels(1)
                w.setsampwidth(2)
                w.setframerate(16000)
                w.writeframes(samples.tobytes())
        talk = [{"role": "user", "content": [{"type": "audio", "audio_url": "x"}, {"type": "text", "text": prompt}]}]
        text = processor.apply_chat_template(talk, add_generation_prompt=True, tokenize=False)
        inputs = processor(text=text, audio=[samples.astype(np.float32) / 32768], sampling_rate=16000, return_tensors="pt")
        kept = []
        hook = projector.register_forward_hook(lambda m, i, o: kept.append(o))
        got = reference(model, inputs, inputs["input_ids"][0].tolist(), None, [AUDIO.EOS, AUDIO.ID["<|endoftext|>"]])
        hook.remove()
        n = int((inputs["input_ids"] == AUDIO.ID["<|AUDIO|>"]).sum())
        heard = int(inputs["feature_attention_mask"].sum())
        got["features"] = kept[0].reshape(-1, kept[0].shape[-1])[:n].clone()
        got["log_mel"] = inputs["input_features"][0, :, :heard + 4].clone()
        yield {"file": "dog.wav" if file == "dog-plain.wav" else file, "title": title, "prompt": prompt, "note": note, "text": text, "heard_mel_frames": heard, "audio_tokens": n}, got, processor.tokenizer


def series(folder):
    from evaluate_media import load_series, series_prompt
    from model.media_tokenizer import SERIES
    from series.shapes import normalise, patches, prefix
    tokenizer, encoder, model = load_series(folder, "cpu")
    model.set_attn_implementation("eager")
    for file, title, values, prompt, note in lines():
        values = [[round(float(v), 4) for v in x] for x in values]
        if file != "rise-doubt.json":
            (folder / "samples" / file).write_text(json.dumps(values) + "\n")
        scene = {"series": [dict(zip(("y", "offset", "scale"), normalise(x)), n=len(x)) for x in values]}
        ids, slots = series_prompt(scene, prompt, tokenizer)
        features = encoder(torch.from_numpy(patches(scene)[0]).float())
        x = model.get_input_embeddings()(torch.tensor(ids)).detach().clone()
        x[torch.tensor(slots) >= 0] = features
        got = reference(model, {"inputs_embeds": x[None], "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}, ids, features, [SERIES.EOS, SERIES.ID["<|endoftext|>"]])
        got["values"] = torch.cat([torch.from_numpy(np.asarray(s["y"], np.float32)) for s in scene["series"]])
        yield {"file": "rise.json" if file == "rise-doubt.json" else file, "title": title, "prompt": prompt, "note": note, "patches": patches(scene)[1],
               "prefixes": [prefix(s["offset"], s["scale"]) for s in scene["series"]]}, got, tokenizer.whole


def video(folder):
    from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

    from evaluate_media import film_inputs
    from model.media_tokenizer import VIDEO
    from video import draw, scenes
    processor = AutoProcessor.from_pretrained(folder)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    films, numbers, side, fps = {}, [], 140, 2.0
    for file, n, ground, things in FILMS:
        tracks, look = story(n, ground, things)
        films[file] = draw.film(tracks, look, n, side, side)
        write_gif(folder / "samples" / file, films[file], fps)
        each = [{"shape": thing[0], "frames": tracks[:n, k, :scenes.BLUE + 1].astype(float).round(4).tolist()} for k, thing in enumerate(things)]
        numbers.append({"file": file, "width": side, "height": side, "fps": fps, "ground": look[scenes.A:scenes.A + 3].tolist(), "soft": look[scenes.SOFT], "things": each})
    (folder / "samples/films.json").write_text("[\n" + ",\n".join(json.dumps(f) for f in numbers) + "\n]\n")
    for i, (file, title, prompt, note) in enumerate(ABOUT_FILMS):
        inputs = film_inputs(processor, [(films[file], fps)], [prompt])
        got = reference(model, inputs, inputs["input_ids"][0].tolist(), None, [VIDEO.EOS, VIDEO.ID["<|endoftext|>"]])
        got["features"] = torch.cat(list(model.model.get_video_features(inputs["pixel_values_videos"], inputs["video_grid_thw"]).pooler_output))
        got["positions"] = model.model.get_rope_index(inputs["input_ids"], mm_token_type_ids=inputs["mm_token_type_ids"], video_grid_thw=inputs["video_grid_thw"],
                                                      second_per_grid_ts=inputs["second_per_grid_ts"], attention_mask=inputs["attention_mask"])[0][:, 0].clone()
        if i:  # one is enough of what is large
            del got["features"], got["attention"]
        text = processor.apply_chat_template([{"role": "user", "content": [{"type": "video", "video": "x"}, {"type": "text", "text": prompt}]}], add_generation_prompt=True, tokenize=False)
        yield {"file": file, "title": title, "prompt": prompt, "note": note, "text": text, "fps": fps, "second_per_grid": float(inputs["second_per_grid_ts"][0]),
               "grid": inputs["video_grid_thw"][0].tolist()}, got, processor.tokenizer


@torch.no_grad()
def main():
    from safetensors.torch import save_file
    parser = argparse.ArgumentParser()
    parser.add_argument("family", choices=["audio", "series", "video"])
    parser.add_argument("model", type=Path)
    args = parser.parse_args()
    (args.model / "samples").mkdir(exist_ok=True)
    tensors, told = {}, []
    for i, (facts, got, tokenizer) in enumerate({"audio": audio, "series": series, "video": video}[args.family](args.model)):
        tensors |= {f"{i}.{k}": v.contiguous() for k, v in got.items()}
        two = got["logits"].topk(2).values
        told.append(facts | {"answer": tokenizer.decode(got["generated_ids"].tolist(), skip_special_tokens=True), "margin": round(float(two[0] - two[1]), 3)})
        print(told[-1]["prompt"], "->", told[-1]["answer"], told[-1]["margin"], flush=True)
    save_file(tensors, args.model / "reference.safetensors", metadata={"format": "pt"})
    (args.model / "reference.json").write_text(json.dumps(told, indent=1) + "\n")
    listing = [{k: t[k] for k in ("file", "title", "prompt", "note")} for t in told]
    (args.model / "samples/samples.json").write_text(json.dumps(listing, indent=2) + "\n")


if __name__ == "__main__":
    main()
