"""Picture files of every kind that the lab reads, and what Pillow makes of them.

`pictures/files.safetensors` holds the files, `pictures/expected.json` what Pillow's exif_transpose and
convert("RGB") give: width, height and the SHA-256 of the levels, or null where Pillow refuses the file.
JPEG files are written by `cjpeg` (Debian's libjpeg-turbo-progs), which knows scans and sampling factors.
"""

import hashlib
import io
import json
import pathlib
import struct
import subprocess
import tempfile
import warnings
import zlib

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent / "pictures"
FILES = {}


def picture(width, height, seed=0):
    """Waves, a flat patch and a little noise."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    noise = np.random.default_rng(seed)
    levels = np.stack([127 + 120 * np.sin(x / 7 + y / 11), 127 + 120 * np.cos(x / 5 - y / 9), (x * y * 3) % 256], -1)
    levels[height // 3 : height // 2, width // 4 : width // 2] = [250, 20, 30]
    levels += noise.normal(0, 4, levels.shape)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def cjpeg(image, *options, scans=None):
    with tempfile.TemporaryDirectory() as folder:
        source, script = f"{folder}/in.ppm", f"{folder}/scans"
        image.save(source)
        options = ["cjpeg", "-quality", "80", *options]
        if scans:
            pathlib.Path(script).write_text(scans)
            options += ["-scans", script]
        done = subprocess.run([*options, source], capture_output=True)
    return done.stdout if done.returncode == 0 else None


def keep(name, data):
    if data is not None:
        FILES[name] = data


def jpeg():
    baseline = {"one": "0 1 2;", "each": "0; 1; 2;", "part": "0 1; 2;"}
    ac = "".join(f"{c}: 1-63, 0, {low};" for low in (1,) for c in range(3)) + "".join(f"{c}: 1-63, 1, 0;" for c in range(3))
    progressive = {
        "one": "0 1 2: 0-0, 0, 1;" + ac + "0 1 2: 0-0, 1, 0;",
        "each": "0: 0-0, 0, 0; 1: 0-0, 0, 0; 2: 0-0, 0, 0;" + ac,
        "part": "0 1: 0-0, 0, 0; 2: 0-0, 0, 0;" + ac,
    }
    for size in ((32, 32), (37, 29)):
        whole = picture(*size)
        edge = size[0]
        for h in range(1, 5):
            for v in range(1, 5):
                for coding, scripts in (("baseline", baseline), ("progressive", progressive)):
                    for scans, script in scripts.items():
                        data = cjpeg(whole, "-sample", f"{h}x{v},1x1,1x1", scans=script)
                        keep(f"jpeg/{coding}-{scans}-{h}x{v}-{edge}", data)
        for factors in (
            "1x1,2x2,2x2", "1x1,2x1,1x2", "2x2,2x1,1x2", "2x2,1x1,2x2", "1x2,2x1,1x1", "3x1,1x1,3x1", "2x1,2x2,1x1",
            "4x1,2x1,1x1", "1x1,3x1,1x1", "1x1,1x2,1x2", "1x1,1x4,1x1", "3x2,2x1,1x1",
        ):  # fmt: skip
            keep(f"jpeg/factors-{factors.replace(',', '-')}-{edge}", cjpeg(whole, "-sample", factors))
        for factors in ("1x1", "2x1", "2x2"):
            for name, options in (
                ("arithmetic", ["-arithmetic"]),
                ("arithmetic-progressive", ["-arithmetic", "-progressive"]),
                ("restart", ["-restart", "1"]),
                ("restart-blocks", ["-restart", "1B", "-progressive"]),
                ("rgb", ["-rgb"]),
                ("gray", ["-grayscale"]),
                ("optimised", ["-optimize"]),
            ):
                keep(f"jpeg/{name}-{factors}-{edge}", cjpeg(whole, *options, "-sample", factors))
        ink = io.BytesIO()
        whole.convert("CMYK").save(ink, "JPEG", quality=80)
        keep(f"jpeg/cmyk-{edge}", ink.getvalue())
        keep(f"jpeg/ycck-{edge}", ycck(whole, False))
        keep(f"jpeg/ycck-2x2-{edge}", ycck(whole, True))
        keep(f"jpeg/cmyk-without-tag-{edge}", without_adobe(ink.getvalue()))
    large = picture(160, 120, 2)
    keep("jpeg/baseline-large", cjpeg(large))
    keep("jpeg/optimised-large", cjpeg(large, "-optimize"))
    keep("jpeg/progressive-large", cjpeg(large, "-progressive"))
    keep("jpeg/each-large", cjpeg(large, scans=baseline["each"]))
    flat = Image.new("RGB", (64, 48), (200, 200, 200))
    keep("jpeg/flat-optimised", cjpeg(flat, "-optimize"))
    keep("jpeg/lossless", LOSSLESS)
    keep("jpeg/two-components", components(cjpeg(picture(16, 16), "-grayscale"), 2))
    keep("jpeg/twelve-bits", precision(cjpeg(picture(16, 16), "-grayscale"), 12))
    keep("jpeg/impossible-sampling", precision(cjpeg(picture(16, 16), "-grayscale"), 8, sampling=0x50))


def ycck(image, subsampled):
    """YCCK: Adobe's transform 2. The three colours as YCbCr, the fourth as it is."""
    r, g, b = (np.asarray(c) for c in image.split())
    black = Image.fromarray((np.minimum(np.minimum(r, g), b) // 2 + 100).astype(np.uint8))
    planes = Image.merge("CMYK", (*image.split(), black))
    out = io.BytesIO()
    planes.save(out, "JPEG", quality=80, subsampling=2 if subsampled else 0)
    data = out.getvalue()
    at = data.find(b"Adobe")
    # The transform is the last byte of Adobe's segment.
    return data[: at + 11] + b"\x02" + data[at + 12 :]


def without_adobe(data):
    at = data.find(b"\xff\xee")
    length = struct.unpack(">H", data[at + 2 : at + 4])[0]
    return data[:at] + data[at + 2 + length :]


def frame_header(data):
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return at


def components(data, count):
    at = frame_header(data)
    length = struct.unpack(">H", data[at + 2 : at + 4])[0]
    body = data[at + 4 : at + 2 + length]
    body = body[:5] + bytes([count]) + b"".join(bytes([n + 1, 0x11, 0]) for n in range(count))
    return data[: at + 2] + struct.pack(">H", len(body) + 2) + body + data[at + 2 + length :]


def precision(data, bits, sampling=None):
    at = frame_header(data)
    changed = bytearray(data)
    changed[at + 4] = bits
    if sampling is not None:
        changed[at + 11] = sampling
    return bytes(changed)


# A lossless JPEG's header alone: what matters is that its kind is named.
LOSSLESS = bytes.fromhex("ffd8ffc3000b080010001001011100ffc4001400010000000000000000000000000000000000ffda0008010100010000a0ffd9")


def tiff(order, kind, value, tag=0x0112, count=1):
    """A TIFF directory of one entry: what EXIF data begin with."""
    e = "<" if order == "II" else ">"
    body = order.encode() + struct.pack(e + "HIH", 42, 8, 1) + struct.pack(e + "HHI", tag, kind, count)
    codes = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I", 16: "Q"}
    values = [value] * count
    if kind in (5, 10):
        values = [n for v in values for n in (3 * v, 3)]
        packed = struct.pack(e + codes[kind] * count, *values)
    else:
        packed = struct.pack(e + codes[kind] * count, *([float(v) for v in values] if kind in (11, 12) else values))
    if len(packed) <= 4:
        return body + packed.ljust(4, b"\0") + struct.pack(e + "I", 0)
    return body + struct.pack(e + "I", len(body) + 8) + struct.pack(e + "I", 0) + packed


def packet(element, value):
    inner = (
        f'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"><tiff:Orientation>{value}</tiff:Orientation></rdf:Description>'
        if element
        else f'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{value}"/>'
    )
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' + inner + "</rdf:RDF></x:xmpmeta>"
    ).encode()


def app1(heading, data):
    return b"\xff\xe1" + struct.pack(">H", 2 + len(heading) + len(data)) + heading + data


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


def orientation():
    image = picture(7, 5, 3)
    plain = cjpeg(image, "-sample", "1x1")
    png = io.BytesIO()
    image.save(png, "PNG")
    png = png.getvalue()
    webp = io.BytesIO()
    image.save(webp, "WEBP", lossless=True)
    vp8l = webp.getvalue()[12:]

    def in_jpeg(*segments):
        return plain[:2] + b"".join(segments) + plain[2:]

    def in_png(*chunks, late=False):
        at = len(png) - 12 if late else 33
        return png[:at] + b"".join(chunks) + png[at:]

    def in_webp(exif=None, xmp=None):
        flags = (8 if exif else 0) | (4 if xmp else 0)
        size = struct.pack("<I", 6)[:3] + struct.pack("<I", 4)[:3]
        body = b"VP8X" + struct.pack("<II", 10, flags) + size + vp8l
        for kind, data in ((b"EXIF", exif), (b"XMP ", xmp)):
            if data:
                body += kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body

    itxt = lambda text: chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + text)
    packed = lambda text: chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(text))
    magick = lambda data: f"\nexif\n{len(data):8}\n{data.hex()}\n".encode()
    for n in range(1, 9):
        for order in ("II", "MM"):
            for kind in (3, 4):
                data = tiff(order, kind, n)
                keep(f"orientation/jpeg-{order}-{kind}-{n}", in_jpeg(app1(EXIF, data)))
                keep(f"orientation/png-{order}-{kind}-{n}", in_png(chunk(b"eXIf", data)))
                keep(f"orientation/webp-{order}-{kind}-{n}", in_webp(exif=data))
        for element in (False, True):
            text = packet(element, n)
            keep(f"orientation/jpeg-xmp-{element}-{n}", in_jpeg(app1(XMP, text)))
            keep(f"orientation/png-xmp-{element}-{n}", in_png(itxt(text)))
            keep(f"orientation/webp-xmp-{element}-{n}", in_webp(xmp=text))
    for kind in (1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16):
        for order in ("II", "MM"):
            keep(f"orientation/jpeg-type-{order}-{kind}", in_jpeg(app1(EXIF, tiff(order, kind, 6))))
    six, eight = tiff("MM", 3, 6), tiff("II", 3, 8)
    for kind in (3, 4):
        keep(f"orientation/jpeg-two-values-{kind}", in_jpeg(app1(EXIF, tiff("II", kind, 6, count=2))))
    keep("orientation/jpeg-xmp-before-exif", in_jpeg(app1(XMP, packet(False, 6)), app1(EXIF, eight)))
    keep("orientation/jpeg-xmp-before-other-exif", in_jpeg(app1(XMP, packet(True, 6)), app1(EXIF, tiff("II", 3, 6, tag=0x0128))))
    keep("orientation/jpeg-exif-says-1", in_jpeg(app1(EXIF, tiff("II", 3, 1)), app1(XMP, packet(True, 6))))
    keep("orientation/jpeg-exif-says-0", in_jpeg(app1(EXIF, tiff("II", 3, 0)), app1(XMP, packet(True, 6))))
    keep("orientation/jpeg-exif-says-9", in_jpeg(app1(EXIF, tiff("MM", 3, 9))))
    keep("orientation/jpeg-bytes-then-xmp", in_jpeg(app1(EXIF, tiff("II", 1, 6)), app1(XMP, packet(True, 8))))
    keep("orientation/jpeg-two-exif", in_jpeg(app1(EXIF, six), app1(EXIF, eight)))
    keep("orientation/jpeg-two-xmp", in_jpeg(app1(XMP, packet(False, 6)), app1(XMP, packet(False, 8))))
    keep("orientation/jpeg-twice-headed", in_jpeg(app1(EXIF, EXIF + six)))
    keep("orientation/jpeg-xmp-no-digit-first", in_jpeg(app1(XMP, b'tiff:Orientation="x" tiff:Orientation="6"')))
    keep("orientation/png-late", in_png(chunk(b"eXIf", six), late=True))
    keep("orientation/png-late-xmp", in_png(itxt(packet(True, 6)), late=True))
    keep("orientation/png-two-exif", in_png(chunk(b"eXIf", six), chunk(b"eXIf", eight)))
    keep("orientation/png-packed-xmp", in_png(packed(packet(False, 7))))
    keep("orientation/png-text-xmp", in_png(chunk(b"tEXt", b"XML:com.adobe.xmp\0" + packet(False, 5))))
    keep("orientation/png-magick-text", in_png(chunk(b"tEXt", b"Raw profile type exif\0" + magick(EXIF + six))))
    keep("orientation/png-magick-packed", in_png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(magick(EXIF + eight)))))
    keep("orientation/png-magick-and-exif", in_png(chunk(b"tEXt", b"Raw profile type exif\0" + magick(EXIF + six)), chunk(b"eXIf", eight)))
    keep("orientation/webp-exif-headed", in_webp(exif=EXIF + six))
    keep("orientation/webp-both", in_webp(exif=six, xmp=packet(True, 8)))


def lzw(indices, bits):
    """Codes that are never compressed: a clear code before the table needs a wider one."""
    bits = max(bits, 2)
    clear, codes = 1 << bits, []
    for n, index in enumerate(indices):
        if n % ((1 << bits) - 2) == 0:
            codes.append(clear)
        codes.append(int(index))
    codes.append(clear + 1)
    value = sum(code << (n * (bits + 1)) for n, code in enumerate(codes))
    data = value.to_bytes((len(codes) * (bits + 1) + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
    return bytes([bits]) + blocks + b"\0"


def gif(screen, frames, palette=None, background=0):
    """frames: (left, top, indices [h, w], palette, transparent, interlaced, disposal)."""
    flags = 0x80 | 0x70 | (palette_bits(palette) - 1) if palette is not None else 0x70
    data = b"GIF89a" + struct.pack("<HHBBB", *screen, flags, background, 0)
    data += palette.tobytes() if palette is not None else b""
    for left, top, indices, own, transparent, interlaced, disposal in frames:
        height, width = indices.shape
        if transparent is not None or disposal:
            packed = disposal << 2 | (transparent is not None)
            data += b"\x21\xf9\x04" + struct.pack("<BHB", packed, 5, transparent or 0) + b"\0"
        flags = (0x80 | (palette_bits(own) - 1) if own is not None else 0) | (0x40 if interlaced else 0)
        data += b"," + struct.pack("<HHHHB", left, top, width, height, flags) + (own.tobytes() if own is not None else b"")
        rows = [*range(0, height, 8), *range(4, height, 8), *range(2, height, 4), *range(1, height, 2)] if interlaced else range(height)
        used = own if own is not None else palette
        bits = palette_bits(used) if used is not None else 8
        bits = max(bits, int(indices.max()).bit_length())
        data += lzw(np.concatenate([indices[r] for r in rows]), bits)
    return data + b";"


def palette_bits(palette):
    return (len(palette) - 1).bit_length()


def gifs():
    draw = np.random.default_rng(5)
    colours = lambda n: draw.integers(0, 256, (n, 3), dtype=np.uint8)
    levels = lambda h, w, n: draw.integers(0, n, (h, w), dtype=np.uint8)
    shared, own = colours(16), colours(8)
    small, large = levels(5, 6, 16), levels(11, 13, 16)
    keep("gif/plain", gif((13, 11), [(0, 0, large, None, None, False, 0)], shared))
    keep("gif/interlaced", gif((13, 11), [(0, 0, large, None, None, True, 0)], shared))
    keep("gif/transparent", gif((13, 11), [(0, 0, large, None, 3, False, 0)], shared))
    keep("gif/transparent-0", gif((13, 11), [(0, 0, large, None, 0, True, 0)], shared, background=4))
    keep("gif/small-frame", gif((13, 11), [(2, 3, small, None, None, False, 0)], shared, background=5))
    keep("gif/small-transparent", gif((13, 11), [(2, 3, small, None, 7, False, 2)], shared, background=5))
    keep("gif/local-palette", gif((13, 11), [(1, 1, levels(5, 6, 8), own, None, True, 0)], shared, background=2))
    keep("gif/local-palette-alone", gif((13, 11), [(0, 0, levels(11, 13, 8), own, None, False, 0)]))
    keep("gif/no-palette", gif((13, 11), [(0, 0, levels(11, 13, 256), None, None, False, 0)]))
    keep("gif/beyond-palette", gif((13, 11), [(0, 0, levels(11, 13, 16), colours(4), None, False, 0)]))
    keep("gif/transparent-beyond", gif((13, 11), [(2, 2, levels(4, 4, 8), own, 200, False, 0)], shared))
    keep("gif/frame-over-the-edge", gif((8, 7), [(3, 4, large, None, None, False, 0)], shared))
    gray = np.repeat(np.arange(16, dtype=np.uint8)[:, None], 3, 1)
    keep("gif/gray-palette", gif((13, 11), [(0, 0, large, gray, 2, False, 0)]))
    keep("gif/gray-palette-small", gif((13, 11), [(3, 3, small, gray, None, False, 0)], shared))
    for disposal in range(4):
        second = (1, 2, levels(5, 6, 8), own, 1, False, disposal)
        keep(f"gif/animated-{disposal}", gif((13, 11), [(4, 4, small, None, 2, False, disposal), second], shared))
    keep("gif/cut", gif((13, 11), [(0, 0, large, None, None, False, 0)], shared)[:-60])


def bmp(width, height, bits, data, palette=b"", compression=0, masks=b"", header=40, colours=0):
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 0, 0, colours, 0)
        info += masks if header == 40 else masks.ljust(16, b"\0") + b"BGRs" + b"\0" * (header - 60)
    at = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(data), 0, 0, at) + info + palette + data


def bmps():
    draw = np.random.default_rng(6)
    noise = lambda n: draw.integers(0, 256, n, dtype=np.uint8).tobytes()
    row = lambda width, bits: (width * bits + 31) // 32 * 4
    for bits in (1, 4, 8):
        palette = b"".join(noise(3) + b"\0" for _ in range(1 << bits))
        keep(f"bmp/palette-{bits}", bmp(13, 7, bits, noise(row(13, bits) * 7), palette))
        keep(f"bmp/top-down-{bits}", bmp(13, -7, bits, noise(row(13, bits) * 7), palette))
        keep(f"bmp/os2-{bits}", bmp(13, 7, bits, noise(row(13, bits) * 7), noise(3 << bits), header=12))
    gray = b"".join(bytes([n, n, n, 0]) for n in range(256))
    keep("bmp/gray-8", bmp(13, 7, 8, noise(row(13, 8) * 7), gray))
    few = b"".join(noise(3) + b"\0" for _ in range(16))
    keep("bmp/few-colours", bmp(13, 7, 8, draw.integers(0, 16, row(13, 8) * 7, dtype=np.uint8).tobytes(), few, colours=16))
    for bits in (16, 24, 32):
        keep(f"bmp/true-{bits}", bmp(13, 7, bits, noise(row(13, bits) * 7)))
        keep(f"bmp/true-top-down-{bits}", bmp(13, -7, bits, noise(row(13, bits) * 7)))
    fields = lambda *masks: struct.pack(f"<{len(masks)}I", *masks)
    keep("bmp/565", bmp(13, 7, 16, noise(row(13, 16) * 7), masks=fields(0xF800, 0x7E0, 0x1F), compression=3))
    keep("bmp/555", bmp(13, 7, 16, noise(row(13, 16) * 7), masks=fields(0x7C00, 0x3E0, 0x1F), compression=3))
    bgrx = fields(0xFF0000, 0xFF00, 0xFF)
    keep("bmp/fields-32", bmp(13, 7, 32, noise(row(13, 32) * 7), masks=bgrx, compression=3))
    v4 = fields(0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    keep("bmp/v4-32", bmp(13, 7, 32, noise(row(13, 32) * 7), masks=v4, compression=3, header=108))
    keep("bmp/v5-32", bmp(13, 7, 32, noise(row(13, 32) * 7), masks=v4, compression=3, header=124))
    keep("bmp/rgbx-32", bmp(13, 7, 32, noise(row(13, 32) * 7), masks=fields(0xFF, 0xFF00, 0xFF0000), compression=3))
    palette = b"".join(noise(3) + b"\0" for _ in range(256))
    rle = b"".join(bytes([5, y, 0, 3]) + noise(3) + b"\0" + bytes([5, 9]) + b"\0\0" for y in range(7)) + b"\0\1"
    keep("bmp/rle-8", bmp(13, 7, 8, rle, palette, compression=1))
    jump = bytes([4, 1, 0, 2, 3, 2, 4, 2, 0, 1])
    keep("bmp/rle-8-jump", bmp(13, 7, 8, jump, palette, compression=1))
    rle4 = b"".join(bytes([7, 0x1A, 6, 0x23, 0, 0]) for _ in range(7)) + b"\0\1"
    keep("bmp/rle-4", bmp(13, 7, 4, rle4, palette[:64], compression=2))


def pngs():
    draw = np.random.default_rng(7)

    def png(colour, bits, channels, extra=b"", interlaced=0, width=13, height=7, values=None):
        size = (width * channels * bits + 7) // 8
        rows = values or [draw.integers(0, 256, size, dtype=np.uint8).tobytes() for _ in range(height)]
        data = zlib.compress(b"".join(b"\0" + r for r in rows))
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))
        return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")

    for bits in (1, 2, 4, 8, 16):
        keep(f"png/gray-{bits}", png(0, bits, 1))
        keep(f"png/gray-clear-{bits}", png(0, bits, 1, chunk(b"tRNS", struct.pack(">H", 1))))
    low = [draw.integers(0, 400, 13).astype(">u2").tobytes() for _ in range(7)]
    keep("png/gray-16-low", png(0, 16, 1, values=low))
    for bits in (8, 16):
        keep(f"png/rgb-{bits}", png(2, bits, 3))
        keep(f"png/rgb-clear-{bits}", png(2, bits, 3, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))))
        keep(f"png/gray-alpha-{bits}", png(4, bits, 2))
        keep(f"png/rgba-{bits}", png(6, bits, 4))
    for bits in (1, 2, 4, 8):
        palette = chunk(b"PLTE", draw.integers(0, 256, 3 << bits, dtype=np.uint8).tobytes())
        keep(f"png/palette-{bits}", png(3, bits, 1, palette))
        keep(f"png/palette-clear-{bits}", png(3, bits, 1, palette + chunk(b"tRNS", b"\0\x80")))
    short = chunk(b"PLTE", draw.integers(0, 256, 9, dtype=np.uint8).tobytes())
    inside = [draw.integers(0, 3, 13, dtype=np.uint8).tobytes() for _ in range(7)]
    keep("png/palette-short", png(3, 8, 1, short, values=inside))
    out = io.BytesIO()
    picture(13, 7, 9).save(out, "PNG")
    keep("png/gamma", out.getvalue()[:33] + chunk(b"gAMA", struct.pack(">I", 100000)) + out.getvalue()[33:])
    frames = [picture(13, 7, n).convert(mode) for n, mode in ((1, "RGBA"), (2, "RGBA"))]
    for hidden in (False, True):
        out = io.BytesIO()
        frames[0].save(out, "PNG", save_all=True, append_images=frames[1:], default_image=hidden)
        keep(f"png/animated-{hidden}", out.getvalue())


def webps():
    image = picture(37, 29, 8)
    clear = image.copy()
    clear.putalpha(Image.fromarray((np.indices((29, 37)).sum(0) * 4 % 256).astype(np.uint8)))
    for name, source in (("rgb", image), ("rgba", clear)):
        for kind, options in (("lossy", {"quality": 80}), ("low", {"quality": 10}), ("lossless", {"lossless": True}), ("exact", {"lossless": True, "exact": True})):
            out = io.BytesIO()
            source.save(out, "WEBP", **options)
            keep(f"webp/{name}-{kind}", out.getvalue())
        for lossless in (False, True):
            out = io.BytesIO()
            other = picture(37, 29, 11).convert(source.mode)
            source.save(out, "WEBP", save_all=True, append_images=[other], lossless=lossless, duration=40)
            keep(f"webp/{name}-animated-{lossless}", out.getvalue())


def reference(data):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            image = ImageOps.exif_transpose(image).convert("RGB")
    except Exception:
        return None
    return {"width": image.width, "height": image.height, "sha256": hashlib.sha256(image.tobytes()).hexdigest()}


def main():
    for make in (jpeg, orientation, gifs, bmps, pngs, webps):
        make()
    HERE.mkdir(exist_ok=True)
    names = sorted(FILES)
    save_file({n: torch.frombuffer(bytearray(FILES[n]), dtype=torch.uint8) for n in names}, HERE / "files.safetensors")
    lines = [f"{json.dumps(n)}: {json.dumps(reference(FILES[n]))}" for n in names]
    (HERE / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(len(names), "files,", sum(map(len, FILES.values())), "bytes")


if __name__ == "__main__":
    main()
