"""What transformers 5.17 makes of settings that stand in unusual places: the checkpoints beside this file with single
members of their JSON files changed. Stored are logits and MDI, or that transformers refuses them."""

import json
import pathlib
import shutil
import tempfile

import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

from common import HERE, dominance, greedy, margins, open_rgb, save_tensors, setup, write_json

NEW = 4
TEXT, VISION = "/text_config", "/vision_config"
GONE = "\0"  # a member that is taken out

# name: checkpoint, and (file, JSON pointer, value) each
CONFIG = {
    "tie-root": ("llava-mha", [("/tie_word_embeddings", True)]),
    "tie-text": ("llava-mha", [(TEXT + "/tie_word_embeddings", True), ("/tie_word_embeddings", False)]),
    "tie-root-not-text": ("llava-mha", [("/tie_word_embeddings", True), (TEXT + "/tie_word_embeddings", False)]),
    "tie-v4": ("llava-v4", [("/tie_word_embeddings", True)]),
    "tie-inner": ("llava-headdim", [("/tie_word_embeddings", True)]),
    "tie-qwen-root": ("qwen-tall", [("/tie_word_embeddings", True)]),
    "tie-qwen-text": ("qwen-square", [(TEXT + "/tie_word_embeddings", True)]),
    "theta-beside": ("llava-mha", [(TEXT + "/rope_parameters", {"rope_type": "default"}), (TEXT + "/rope_theta", 5e4)]),
    "theta-beside-another": ("llava-mha", [(TEXT + "/rope_theta", 5e5)]),
    "theta-alone": ("llava-mha", [(TEXT + "/rope_parameters", GONE), (TEXT + "/rope_theta", 700.0)]),
    "theta-at-root": ("llava-mha", [("/rope_theta", 5.0)]),
    "scaling-beside": ("llava-mha", [
        (TEXT + "/rope_scaling", {"rope_type": "linear", "factor": 4.0, "rope_theta": 2e4})]),
    "scaling-beside-theta": ("llava-mha", [
        (TEXT + "/rope_scaling", {"type": "linear", "factor": 2.0}), (TEXT + "/rope_theta", 500.0)]),
    "scaling-without-theta": ("llava-gqa", [(TEXT + "/rope_scaling", {"type": "linear", "factor": 2.0})]),
    "scaling-empty": ("llava-mha", [(TEXT + "/rope_scaling", {}), (TEXT + "/rope_parameters/rope_theta", 300.0)]),
    "type-and-rope-type": ("llava-mha", [
        (TEXT + "/rope_parameters", {"rope_type": "linear", "type": "default", "factor": 2.0, "rope_theta": 1e4})]),
    "partial-default": ("llava-mha", [(TEXT + "/rope_parameters/partial_rotary_factor", 0.5)]),
    "partial-beside": ("llava-mha", [(TEXT + "/partial_rotary_factor", 0.5)]),
    "partial-linear": ("llava-mha", [
        (TEXT + "/rope_parameters", {"rope_type": "linear", "factor": 2.0, "partial_rotary_factor": 0.5})]),
    "partial-beside-linear": ("llava-mha", [
        (TEXT + "/rope_parameters", {"rope_type": "linear", "factor": 2.0}), (TEXT + "/partial_rotary_factor", 0.5)]),
    "linear-without-factor": ("llava-mha", [(TEXT + "/rope_parameters", {"rope_type": "linear"})]),
    "llama-mrope": ("llava-mha", [(TEXT + "/rope_parameters", {"rope_type": "mrope", "rope_theta": 1e4})]),
    "eps-beside": ("llava-mha", [(TEXT + "/layer_norm_eps", 0.5), ("/rms_norm_eps", 0.5)]),
    "dropout": ("llava-mha", [(TEXT + "/attention_dropout", 0.5)]),
    "image-token-both": ("llava-mha", [("/image_token_id", 480), ("/image_token_index", 7)]),
    "qwen-theta-beside": ("qwen-tall", [
        (TEXT + "/rope_parameters", {"rope_type": "default", "mrope_section": [1, 3, 2]}),
        (TEXT + "/rope_theta", 300.0)]),
    "qwen-theta-default": ("qwen-tall", [
        (TEXT + "/rope_parameters", {"rope_type": "default", "mrope_section": [1, 3, 2]})]),
    "qwen-theta-beside-another": ("qwen-tall", [(TEXT + "/rope_theta", 300.0)]),
    "qwen-theta-outside": ("qwen-tall", [("/rope_theta", 300.0), ("/rope_scaling", {"type": "linear", "factor": 2.0})]),
    "qwen-scaling-beside": ("qwen-tall", [
        (TEXT + "/rope_scaling", {"type": "mrope", "mrope_section": [2, 2, 2], "rope_theta": 900.0})]),
    "qwen-scaling-linear": ("qwen-tall", [
        (TEXT + "/rope_scaling", {"type": "linear", "factor": 2.0, "mrope_section": [2, 2, 2]}),
        (TEXT + "/rope_theta", 900.0)]),
    "qwen-flat-both": ("qwen-wide", [
        ("/rope_parameters", {"rope_type": "default", "mrope_section": [4, 2, 2], "rope_theta": 2e4})]),
    "qwen-flat-theta": ("qwen-wide", [("/rope_theta", 50.0)]),
    "qwen-no-sections": ("qwen-tall", [(TEXT + "/rope_parameters", {"rope_type": "default", "rope_theta": 1e4})]),
    "qwen-by-layer-type": ("qwen-tall", [
        (TEXT + "/rope_parameters", {"full_attention": {"rope_type": "default", "mrope_section": [1, 3, 2]}})]),
    "qwen-tower-theta": ("qwen-tall", [(VISION + "/rope_parameters/rope_theta", 30.0)]),
    "qwen-tower-theta-flat": ("qwen-tall", [(VISION + "/rope_parameters", GONE), (VISION + "/rope_theta", 30.0)]),
    "qwen-tower-scaling": ("qwen-tall", [(VISION + "/rope_scaling", {"rope_theta": 30.0})]),
    "qwen-tower-default": ("qwen-wide", [(VISION + "/rope_parameters", {"rope_type": "default", "rope_theta": 9.0})]),
    "qwen-tower-linear": ("qwen-tall", [(VISION + "/rope_parameters", {"rope_type": "linear", "factor": 2.0})]),
    "qwen-tower-heads": ("qwen-tall", [(VISION + "/num_attention_heads", 10)]),
    "qwen-tower-names": ("qwen-tall", [
        (VISION + "/in_chans", 4), (VISION + "/spatial_patch_size", 7), (VISION + "/rms_norm_eps", 0.5)]),
    "qwen-tower-head-dim": ("qwen-tall", [(VISION + "/head_dim", 16)]),
    "qwen-head-dim": ("qwen-tall", [(TEXT + "/head_dim", 24)]),
    "qwen-sliding-null": ("qwen-tall", [(TEXT + "/use_sliding_window", None), (TEXT + "/sliding_window", 8)]),
    "qwen-outside": ("qwen-tall", [("/rms_norm_eps", 0.5), ("/num_hidden_layers", 9), ("/hidden_size", 8)]),
    "qwen-attention-bias": ("qwen-tall", [(TEXT + "/attention_bias", False), (TEXT + "/mlp_bias", True)]),
}


def change(folder, file, pointer, value):
    path = folder / file
    whole = json.loads(path.read_text())
    *way, last = pointer.strip("/").split("/")
    at = whole
    for key in way:
        at = at.setdefault(key, {})
    if value == GONE:
        del at[last]
    else:
        at[last] = value
    path.write_text(json.dumps(whole))


def copy(checkpoint, into):
    folder = pathlib.Path(into) / "model"
    shutil.copytree(HERE / checkpoint, folder)
    return folder


def inputs(checkpoint):
    golden = load_file(HERE / checkpoint / "golden.safetensors")
    facts = json.loads((HERE / checkpoint / "golden.json").read_text())
    ids = golden["input_ids"][None]
    all_of = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if "image_grid_thw" in golden:
        all_of["pixel_values"] = golden["pixel_values"]
        all_of["image_grid_thw"] = golden["image_grid_thw"][None]
        all_of["mm_token_type_ids"] = (ids == facts["image_token_id"]).long()
    else:
        all_of["pixel_values"] = golden["pixel_values"][None]
    return all_of, facts["image_token_id"]


def settings_of_models():
    cases, tensors = [], {}
    for name, (checkpoint, changes) in CONFIG.items():
        case = {"name": name, "checkpoint": checkpoint, "changes": []}
        with tempfile.TemporaryDirectory() as into:
            folder = copy(checkpoint, into)
            for pointer, value in changes:
                change(folder, "config.json", pointer, value)
                case["changes"].append({"at": pointer, **({} if value == GONE else {"value": value})})
            try:
                model = AutoModelForImageTextToText.from_pretrained(
                    folder, dtype=torch.float32, attn_implementation="eager").eval()
                asked, image = inputs(checkpoint)
                # Some checkpoints' generation_config.json has one; what is compared is greedy.
                model.generation_config.repetition_penalty = 1.0
                golden = greedy(model, asked, NEW)
            except Exception as error:
                case["refused"] = f"{type(error).__name__}: {error}".split("\n")[0][:160]
                print(f"{name}: {case['refused']}")
                cases.append(case)
                continue
        ids = asked["input_ids"][0]
        margin = margins(golden["logits_generated"])["relative_min"]
        assert margin > 1e-3, (name, margin)
        assert torch.equal(golden["logits_generated"].argmax(-1), golden["generated_ids"]), name
        case["generated_ids"] = golden["generated_ids"].tolist()
        case["mdi"] = dominance(golden, ids, image)["mdi"]
        tensors[name] = golden["logits_generated"][0]
        before = load_file(HERE / checkpoint / "golden.safetensors")["logits_generated"][0]
        moved = (tensors[name] - before).abs().max() / before.abs().max()
        print(f"{name}: margin {margin:.4f}, moved {moved:.1e}, MDI {[round(m, 3) for m in case['mdi']]}")
        cases.append(case)
    return cases, tensors


IP = "/image_processor"
OLD, NEW_FILE = "preprocessor_config.json", "processor_config.json"
LLAVA = (NEW_FILE, IP + "/image_processor_type", "LlavaImageProcessor")
PAD = (NEW_FILE, IP + "/do_pad", True)
WIDE = ["wide.png", "tall.png", "tiny3x5.png"]

# name: checkpoint, (file, JSON pointer, value) each, pictures
PICTURES = {
    "pad": ("llava-mha", [LLAVA, PAD], [*WIDE, "square.png", "tiny1x1.png", "padded.png"]),
    "pad-without-type": ("llava-mha", [(NEW_FILE, IP + "/image_processor_type", GONE), PAD], ["wide.png"]),
    "pad-fast": ("llava-mha", [(NEW_FILE, IP + "/image_processor_type", "LlavaImageProcessorFast"), PAD], ["wide.png"]),
    "pad-of-clip": ("llava-mha", [PAD], ["wide.png"]),
    "pad-of-clip-same-size": ("llava-mha", [PAD, (NEW_FILE, IP + "/pad_size", {"height": 42, "width": 42})],
                              ["wide.png"]),
    "pad-of-clip-larger": ("llava-mha", [PAD, (NEW_FILE, IP + "/pad_size", {"height": 56, "width": 56})], ["wide.png"]),
    "pad-size-of-llava": ("llava-mha", [LLAVA, PAD, (NEW_FILE, IP + "/pad_size", {"height": 56, "width": 56})],
                          ["wide.png"]),
    "pad-other-mean": ("llava-mha", [LLAVA, PAD, (NEW_FILE, IP + "/image_mean", [0.1, 0.7, 0.9])],
                       ["tall.png", "padded.png"]),
    "pad-without-crop": ("llava-mha", [LLAVA, PAD, (NEW_FILE, IP + "/do_center_crop", False)], WIDE),
    "type-in-config": ("llava-mha", [(NEW_FILE, IP + "/image_processor_type", GONE), PAD,
                                     ("config.json", "/image_processor_type", "CLIPImageProcessor")], ["wide.png"]),
    "aspect-ratio": ("llava-mha", [("config.json", "/image_aspect_ratio", "pad")], ["wide.png"]),
    "no-crop-exact": ("llava-mha", [(NEW_FILE, IP + "/do_center_crop", False),
                                    (NEW_FILE, IP + "/size", {"height": 42, "width": 42})], WIDE),
    "no-crop": ("llava-mha", [(NEW_FILE, IP + "/do_center_crop", False)], ["wide.png"]),
    "no-resize": ("llava-mha", [(NEW_FILE, IP + "/do_resize", False)], [*WIDE, "tiny1x1.png"]),
    "smaller": ("llava-mha", [(NEW_FILE, IP + "/size", {"shortest_edge": 31})], WIDE),
    "smaller-exact": ("llava-mha", [(NEW_FILE, IP + "/size", {"height": 30, "width": 55})], ["wide.png"]),
    "larger": ("llava-mha", [(NEW_FILE, IP + "/size", {"shortest_edge": 57})], ["wide.png"]),
    "edge": ("llava-mha", [(NEW_FILE, IP + "/size", 44)], ["wide.png"]),
    "edge-to-square": ("llava-mha", [(NEW_FILE, IP + "/size", 44), (NEW_FILE, IP + "/default_to_square", True)],
                       ["wide.png"]),
    "list": ("llava-mha", [(NEW_FILE, IP + "/size", [43, 60])], ["wide.png"]),
    "size-left-out": ("llava-mha", [(NEW_FILE, IP + "/size", GONE)], ["wide.png"]),
    "longest-null": ("llava-mha", [(NEW_FILE, IP + "/size", {"shortest_edge": 42, "longest_edge": None})],
                     ["wide.png"]),
    "longest-alone": ("llava-mha", [(NEW_FILE, IP + "/size", {"longest_edge": 42})], ["wide.png"]),
    "pixels-for-clip": ("llava-mha", [(NEW_FILE, IP + "/size", {"min_pixels": 64, "max_pixels": 4096})], ["wide.png"]),
    "size-with-more": ("llava-mha", [(NEW_FILE, IP + "/size", {"shortest_edge": 42, "resample": 3})], ["wide.png"]),
    "size-unknown": ("llava-mha", [(NEW_FILE, IP + "/size", {"edge": 42})], ["wide.png"]),
    "both": ("llava-mha", [(OLD, "/size", {"shortest_edge": 60}), (OLD, "/do_pad", True),
                           (OLD, "/image_processor_type", "LlavaImageProcessor")], ["wide.png"]),
    "nested-null": ("llava-mha", [(NEW_FILE, IP, None), (OLD, "/size", {"shortest_edge": 60}),
                                  (OLD, "/crop_size", 42)], ["wide.png"]),
    "flat-file-with-processor": ("llava-gqa", [(NEW_FILE, IP, {"size": {"shortest_edge": 50}, "crop_size": 40})],
                                 ["wide.png"]),
    "patch-of-the-processor": ("llava-mha", [(NEW_FILE, "/patch_size", 21)], ["wide.png"]),
    "tokens-of-the-processor": ("llava-mha", [(NEW_FILE, "/num_additional_image_tokens", 0)], ["wide.png"]),
    "strategy-of-the-processor": ("llava-mha", [(NEW_FILE, "/vision_feature_select_strategy", "full")], ["wide.png"]),
    "strategy-and-tokens": ("llava-mha", [(NEW_FILE, "/vision_feature_select_strategy", "full"),
                                          (NEW_FILE, "/num_additional_image_tokens", 0)], ["wide.png"]),
    "qwen-both": ("qwen-tall", [(OLD, "/max_pixels", 512), (OLD, "/min_pixels", 64)], ["tall.png"]),
    "qwen-pixels": ("qwen-tall", [(NEW_FILE, IP + "/size", {"min_pixels": 64, "max_pixels": 512})], ["tall.png"]),
    "qwen-pixels-both": ("qwen-tall", [(NEW_FILE, IP + "/size", {"min_pixels": 64, "max_pixels": 512,
                                                                "shortest_edge": 64, "longest_edge": 600}),
                                       (NEW_FILE, IP + "/min_pixels", 256), (NEW_FILE, IP + "/max_pixels", 900)],
                         ["tall.png"]),
    "qwen-flat-pixels": ("qwen-tall", [(NEW_FILE, IP + "/min_pixels", 256), (NEW_FILE, IP + "/max_pixels", 600)],
                         ["tall.png", "wide.png"]),
    "qwen-max-alone": ("qwen-tall", [(NEW_FILE, IP + "/max_pixels", 600)], ["wide.png"]),
    "qwen-one-edge": ("qwen-tall", [(NEW_FILE, IP + "/size", {"shortest_edge": 256})], ["tall.png"]),
    "qwen-one-edge-and-max": ("qwen-tall", [(NEW_FILE, IP + "/size", {"shortest_edge": 256}),
                                            (NEW_FILE, IP + "/max_pixels", 700)], ["tall.png"]),
    "qwen-exact": ("qwen-tall", [(NEW_FILE, IP + "/size", {"height": 32, "width": 32})], ["tall.png"]),
    "qwen-number": ("qwen-tall", [(NEW_FILE, IP + "/size", 512)], ["tall.png"]),
    "qwen-crop": ("qwen-tall", [(NEW_FILE, IP + "/do_center_crop", True), (NEW_FILE, IP + "/crop_size", 8),
                                (NEW_FILE, IP + "/do_pad", True)], ["tall.png"]),
    # The names and the flag of processors on Pillow: AutoProcessor takes the one on torchvision all the same.
    "pillow-by-name": ("llava-mha", [(NEW_FILE, IP + "/image_processor_type", "CLIPImageProcessorPil")], WIDE),
    "pillow-by-flag": ("llava-mha", [(NEW_FILE, IP + "/use_fast", False)], ["wide.png"]),
    "pillow-by-config": ("llava-mha", [(NEW_FILE, IP + "/image_processor_type", GONE),
                                       ("config.json", "/image_processor_type", "LlavaImageProcessorPil")],
                         ["wide.png"]),
    "qwen-pillow-by-name": ("qwen-tall", [(NEW_FILE, IP + "/image_processor_type", "Qwen2VLImageProcessorPil")],
                            ["tall.png", "wide.png"]),
    "qwen-old-name": ("qwen-tall", [(NEW_FILE, IP + "/image_processor_type", "Qwen2VLImageProcessorFast")],
                      ["tall.png"]),
}


def levels(values, processor):
    """[H, W, 3] in 8 bits from normalised planes [3, H, W]."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (processor.image_mean, processor.image_std))
    eight = (values * std + mean) * 255
    assert (eight - eight.round()).abs().max() < 0.01
    return eight.round().to(torch.uint8).permute(1, 2, 0)


def planes(inputs, processor):
    """The picture from Qwen's patches: merge blocks in raster order, in a patch channel, frame, row, column."""
    _, rows, cols = inputs["image_grid_thw"][0].tolist()
    m, p = processor.merge_size, processor.patch_size
    patches = inputs["pixel_values"].reshape(rows // m, cols // m, m, m, 3, 2, p, p)[:, :, :, :, :, 0]
    return patches.permute(4, 0, 2, 5, 1, 3, 6).reshape(3, rows * p, cols * p)


def shown(picture):
    own = HERE / "settings" / picture
    return open_rgb(own if own.exists() else picture)


def settings_of_processors():
    # Padded to a square it has the crop's own size: no resampling between it and the prepared picture.
    noise = torch.randint(0, 256, (26, 42, 3), generator=torch.Generator().manual_seed(7), dtype=torch.uint8)
    Image.fromarray(noise.numpy()).save(HERE / "settings" / "padded.png")
    cases, tensors = [], {}
    for name, (checkpoint, changes, pictures) in PICTURES.items():
        case = {"name": name, "checkpoint": checkpoint, "pictures": pictures, "changes": [
            [file, {"at": at, **({} if value == GONE else {"value": value})}] for file, at, value in changes]}
        with tempfile.TemporaryDirectory() as into:
            folder = copy(checkpoint, into)
            for file, at, value in changes:
                if not (folder / file).exists():
                    (folder / file).write_text("{}")
                change(folder, file, at, value)
            asked = "<image>" if checkpoint.startswith("llava") else "<|image_pad|>"
            try:
                model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
                for picture in pictures:
                    processor = AutoProcessor.from_pretrained(folder)
                    inputs = processor(images=shown(picture), text=asked, return_tensors="pt")
                    model(**inputs)
                    pil = AutoImageProcessor.from_pretrained(folder, backend="pil")
                    pil_inputs = pil(images=shown(picture), return_tensors="pt")
                    kind = processor.image_processor
                    case["processor"] = type(kind).__name__
                    both = [x["pixel_values"][0] if "image_grid_thw" not in x else planes(x, kind)
                            for x in (inputs, pil_inputs)]
                    one, two = (levels(x, kind) for x in both)
                    key = f"{name}/{picture}"
                    # Resampling differs by a few levels; where there is less than the crop asks for, the two put it
                    # a pixel apart, and torchvision is what transformers does unless it is told otherwise.
                    off = (one.int() - two.int()).abs().max().item()
                    print(f"{key}: {type(kind).__name__} {list(two.shape)}, torchvision {off} levels off")
                    tensors[key] = two if off == 0 else one
                    if 1 < off < 9:
                        tensors[key + "/pil"] = two
            except Exception as error:
                case["refused"] = f"{type(error).__name__}: {error}".split("\n")[0][:160]
                print(f"{name}: {case['refused']}")
        cases.append(case)
    return cases, tensors


if __name__ == "__main__":
    setup()
    out = HERE / "settings"
    out.mkdir(exist_ok=True)
    cases, tensors = settings_of_models()
    write_json(out / "models.json", cases)
    save_tensors(out / "models.safetensors", tensors)
    cases, tensors = settings_of_processors()
    write_json(out / "pictures.json", cases)
    save_tensors(out / "pictures.safetensors", tensors)
