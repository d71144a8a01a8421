#!/bin/sh
# Remakes every golden in this folder. Needs Python 3.11 or later; set PYTHON to use an environment of your own.
set -eu
cd "$(dirname "$0")"
if [ -z "${PYTHON:-}" ]; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet -r requirements.txt
    PYTHON=.venv/bin/python
fi
for maker in make_images make_pictures make_resize make_llava make_interleave make_qwen make_qwen2 make_qwen3 make_internvl make_positions make_levers make_several make_knockout make_chat make_sampling make_gguf make_settings make_smolvlm make_onevision make_audio make_film; do
    "$PYTHON" "$maker.py"
done
