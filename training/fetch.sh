#!/bin/sh
# Installs the icon sets and writes what training reads into cache/: the atlas and easy-VQA.
# Needs node with npm, and the packages of requirements.txt in the current Python.
set -eu
cd "$(dirname "$0")"
mkdir -p cache/icons
cp package.json cache/icons/
npm install --prefix cache/icons --no-audit --no-fund
python -m data.atlas
python -m data.atlas --size 256 --out cache/atlas256.npz
python -c "from data import easyvqa; easyvqa.pack('cache/easyvqa.npz')"
