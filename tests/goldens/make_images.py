"""Small pictures of every awkward kind, and what the CLIP and Qwen image processors make of them."""

import json

import numpy as np
import torch
from PIL import Image, ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize

from common import CLIP_MEAN, CLIP_STD, IMAGES, save_tensors, setup, write_json

SIZES = (42, 56)

# name, patch size, min_pixels, max_pixels
QWEN = [
    ("square.png", 14, 3136, 12845056), ("square.png", 14, 19600, 40000), ("square.png", 8, 256, 1024),
    ("wide.png", 14, 3136, 12845056), ("wide.png", 8, 1024, 8192), ("tall.png", 14, 3136, 12845056),
    ("tall.png", 4, 256, 1536), ("exact42.png", 14, 3136, 12845056), ("up.png", 14, 3136, 12845056),
    ("down.png", 14, 3136, 12845056), ("down.png", 14, 3136, 12544), ("tiny1x1.png", 14, 3136, 12845056),
    ("tiny3x5.png", 14, 3136, 12845056), ("rgba.png", 14, 3136, 12845056), ("gray.png", 14, 3136, 12845056),
    ("palette.png", 14, 3136, 12845056), ("gray16.png", 14, 3136, 12845056),
]
# width, height, factor, min_pixels, max_pixels: halves round to even, floors and ceilings, both limits, refusals
RULES = [
    (42, 42, 28, 3136, 12845056), (70, 70, 28, 3136, 12845056), (98, 126, 28, 3136, 12845056), (14, 14, 28, 1, 12845056),
    (1, 1, 28, 3136, 12845056), (3000, 10, 28, 3136, 12845056), (10, 2000, 28, 3136, 12845056),
    (2001, 10, 28, 3136, 12845056), (200, 1, 28, 3136, 12845056), (201, 1, 28, 3136, 12845056),
    (1920, 1080, 28, 3136, 12845056), (1920, 1080, 28, 3136, 1003520), (4032, 3024, 28, 3136, 12845056),
    (8000, 6000, 28, 3136, 12845056), (12845, 1000, 28, 3136, 12845056), (3584, 3584, 28, 3136, 12845056),
    (3600, 3570, 28, 3136, 12845056), (640, 480, 28, 200704, 1003520), (300, 200, 28, 200704, 1003520),
    (5000, 30, 28, 3136, 100352), (30, 5000, 28, 3136, 100352), (224, 224, 28, 3136, 50176), (225, 225, 28, 3136, 50176),
    (56, 56, 28, 3136, 12845056), (55, 55, 28, 3136, 12845056), (41, 41, 28, 3136, 12845056), (1280, 720, 32, 65536, 921600),
]


def scene(width, height, seed):
    """Smooth colour, hard edges and noise: something a resampler can get wrong. Returns u8 [h, w, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height, 2)
    base = np.stack([x, y, 0.5 + 0.5 * np.sin(9 * x + 5 * y + seed)], -1)
    disc = ((x - 0.4) ** 2 + (y - 0.3) ** 2 < 0.05)[..., None]
    stripes = ((np.floor(24 * (x + 0.5 * y)) % 2) * (x > 0.6))[..., None]
    v = 220 * base * (1 - disc) + np.array([240, 40, 30]) * disc
    v = v * (1 - 0.7 * stripes) + rng.normal(0, 9, (height, width, 3))
    return np.clip(np.rint(v), 0, 255).astype(np.uint8)


def photo(width, height, seed):
    """A larger one: clouds of noise at four scales over a gradient."""
    rng = np.random.default_rng(seed)
    v = scene(width, height, seed).astype(float)
    for cells in (4, 9, 20, 45):
        noise = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        big = Image.fromarray(noise).resize((width, height), Image.Resampling.BILINEAR)
        v += (np.asarray(big, float) - 128) * 2 / cells**0.5
    return np.clip(np.rint(v), 0, 255).astype(np.uint8)


def write_pictures():
    IMAGES.mkdir(exist_ok=True)

    def put(name, image, **options):
        image.save(IMAGES / name, **options)

    def rgb(w, h, seed):
        return Image.fromarray(scene(w, h, seed))

    put("square.png", rgb(64, 64, 1))
    put("wide.png", rgb(120, 40, 2))
    put("tall.png", rgb(37, 101, 3))
    put("exact42.png", rgb(42, 42, 4))
    put("up.png", rgb(17, 13, 5))
    put("down.png", rgb(200, 150, 6))
    put("tiny1x1.png", rgb(1, 1, 7))
    put("tiny3x5.png", rgb(3, 5, 8))
    alpha = np.dstack([scene(50, 60, 9), np.tile(np.linspace(0, 255, 50).astype(np.uint8), (60, 1))])
    put("rgba.png", Image.fromarray(alpha))
    put("gray.png", rgb(70, 50, 10).convert("L"))
    put("gray_alpha.png", rgb(48, 48, 11).convert("LA"))
    put("palette.png", rgb(60, 45, 12).quantize(16))
    pal = rgb(45, 60, 13).quantize(15)
    put("palette_transparent.png", pal, transparency=3)
    put("bilevel.png", rgb(55, 44, 14).convert("1"))
    ramp = np.arange(40 * 32, dtype=np.uint32).reshape(32, 40)
    ramp = np.where(ramp < 640, ramp, ramp * 51).astype(np.uint16)  # the upper half below 640, the rest up to 65,229
    put("gray16.png", Image.fromarray(ramp))
    put("cmyk.jpg", rgb(64, 48, 15).convert("CMYK"), quality=92)
    put("gray.jpg", rgb(66, 58, 19).convert("L"), quality=90)
    put("jpeg420.jpg", rgb(90, 70, 16), quality=85, subsampling=2)
    put("progressive.jpg", rgb(80, 64, 20), quality=85, subsampling=0, progressive=True)
    for orientation in (2, 3, 6, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        put(f"exif{orientation}.jpg", rgb(72, 48, 17), quality=95, subsampling=0, exif=exif)
    put("photo.jpg", Image.fromarray(photo(640, 427, 18)), quality=90, subsampling=0)


def expand_to_square(image):
    """The fit of the original LLaVA: centred on a square of the mean colour, before any resizing."""
    side, background = max(image.size), tuple(int(m * 255) for m in CLIP_MEAN)
    if image.width == image.height:
        return image
    square = Image.new("RGB", (side, side), background)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def pillow_crop(image, size):
    """The same by hand: shortest edge to size, Pillow's bicubic, centre crop."""
    w, h = image.size
    short, long = (w, h) if w <= h else (h, w)
    long = int(size * long / short)
    new = (size, long) if w <= h else (long, size)
    image = image.resize(new, Image.Resampling.BICUBIC)
    left, top = (new[0] - size) // 2, (new[1] - size) // 2
    return np.asarray(image)[top : top + size, left : left + size]


def processed(cls, image, size, **options):
    """u8 [size, size, 3] after resize and crop, and f32 [3, size, size] after the rest."""
    p = cls(size={"shortest_edge": size}, crop_size={"height": size, "width": size}, **options)
    raw = p(images=image, do_rescale=False, do_normalize=False, return_tensors="np")["pixel_values"][0]
    done = p(images=image, return_tensors="np")["pixel_values"][0]
    assert raw.dtype == np.uint8 and done.dtype == np.float32
    return raw.transpose(1, 2, 0), done


def check_normalise(u8, done):
    """pixel_values = (u8 * (1/255) as f32 - mean) / std, all in f32 after the product."""
    x = (u8.astype(np.float64) * (1 / 255)).astype(np.float32)
    x = (x - np.array(CLIP_MEAN, np.float32)) / np.array(CLIP_STD, np.float32)
    assert np.array_equal(x.transpose(2, 0, 1), done)


def patches(u8, patch, merge=2, frames=2):
    """pixel_values by hand: blocks of merge x merge patches in raster order, each patch channel, frame, row, column."""
    x = (u8.astype(np.float64) * (1 / 255)).astype(np.float32)
    x = (x - np.array(CLIP_MEAN, np.float32)) / np.array(CLIP_STD, np.float32)
    rows = []
    h, w = u8.shape[0] // patch, u8.shape[1] // patch
    for by in range(0, h, merge):
        for bx in range(0, w, merge):
            for y in range(by, by + merge):
                for c in range(bx, bx + merge):
                    cell = x[y * patch : (y + 1) * patch, c * patch : (c + 1) * patch].transpose(2, 0, 1)
                    rows.append(np.repeat(cell[:, None], frames, 1).reshape(-1))
    return np.stack(rows)


def qwen():
    """smart_resize over many sizes, and the resized pictures for some of ours."""
    tensors, rules, pictures = {}, [], []
    for width, height, factor, low, high in RULES:
        rule = {"width": width, "height": height, "factor": factor, "min_pixels": low, "max_pixels": high}
        try:
            h, w = smart_resize(height, width, factor, low, high)
            rules.append(rule | {"resized": [w, h], "tokens": w * h // factor**2})
        except ValueError:
            rules.append(rule | {"resized": None, "tokens": None})
    for name, patch, low, high in QWEN:
        image = ImageOps.exif_transpose(Image.open(IMAGES / name)).convert("RGB")
        h, w = smart_resize(image.height, image.width, 2 * patch, low, high)
        u8 = np.array(image.resize((w, h), Image.Resampling.BICUBIC))
        p = Qwen2VLImageProcessorPil(size={"shortest_edge": low, "longest_edge": high}, patch_size=patch)
        done = p(images=image, return_tensors="np")
        assert done["image_grid_thw"].tolist() == [[1, h // patch, w // patch]]
        assert np.array_equal(done["pixel_values"], patches(u8, patch)), name
        key = f"{name}/{patch}/{low}/{high}"
        tensors[key] = torch.from_numpy(u8)
        pictures.append({"name": name, "key": key, "patch_size": patch, "min_pixels": low, "max_pixels": high,
                         "resized": [w, h], "grid_thw": [1, h // patch, w // patch], "tokens": h * w // (2 * patch) ** 2})
    save_tensors(IMAGES / "golden_qwen.safetensors", tensors)
    write_json(IMAGES / "golden_qwen.json", {"smart_resize": rules, "pictures": pictures})
    print(json.dumps({"qwen pictures": len(pictures), "bytes": (IMAGES / "golden_qwen.safetensors").stat().st_size}))


def main():
    setup()
    write_pictures()
    tensors = {"mean": torch.tensor(CLIP_MEAN), "std": torch.tensor(CLIP_STD)}
    rows = []
    for path in sorted(IMAGES.iterdir()):
        if path.suffix not in (".png", ".jpg"):
            continue
        name = path.name
        stored = Image.open(path)
        mode, size, orientation = stored.mode, stored.size, stored.getexif().get(0x0112, 1)
        image = ImageOps.exif_transpose(stored).convert("RGB")
        if name != "photo.jpg":
            tensors[f"{name}/rgb"] = torch.from_numpy(np.array(image))
        for edge in SIZES:
            crop, crop_f32 = processed(CLIPImageProcessorPil, image, edge)
            assert np.array_equal(crop, pillow_crop(image, edge)), (name, edge)
            check_normalise(crop, crop_f32)
            pad, _ = processed(CLIPImageProcessorPil, expand_to_square(image), edge)
            assert np.array_equal(pad, pillow_crop(expand_to_square(image), edge)), (name, edge)
            llava, _ = processed(LlavaImageProcessorPil, image, edge, do_pad=True)
            assert np.array_equal(pad, llava), (name, edge)
            tensors[f"{name}/{edge}/crop"] = torch.from_numpy(crop.copy())
            tensors[f"{name}/{edge}/pad"] = torch.from_numpy(pad.copy())
        rows.append({"name": name, "mode": mode, "stored_size": size, "orientation": orientation, "size": image.size})
    deep = np.asarray(Image.open(IMAGES / "gray16.png")).astype(np.uint32)
    scaled = ((deep + 128) // 257).astype(np.uint8)
    tensors["gray16.png/rgb_scaled"] = torch.from_numpy(np.dstack([scaled] * 3))
    assert np.array_equal(tensors["gray16.png/rgb"].numpy()[..., 0], np.minimum(deep, 255))
    save_tensors(IMAGES / "golden.safetensors", tensors)
    write_json(IMAGES / "golden.json", {
        "mean": CLIP_MEAN, "std": CLIP_STD, "pad_colour": [int(m * 255) for m in CLIP_MEAN], "sizes": SIZES,
        "resample": "bicubic", "pictures": rows,
    })
    print(json.dumps({"pictures": len(rows), "bytes": (IMAGES / "golden.safetensors").stat().st_size}))
    qwen()


if __name__ == "__main__":
    main()
