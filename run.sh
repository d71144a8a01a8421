#!/usr/bin/env bash
# The one door of LangOverrule Lab. `./run.sh help` says what it opens.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD

# Pinned, so that two machines build the same thing.
readonly wasm_target=wasm32-unknown-unknown
readonly node_least=18
readonly axe_version=4.14.1
readonly axe_sha512=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5
readonly deny_version=0.20.2
readonly target_dir="${CARGO_TARGET_DIR:-$root/target}"
lab="$target_dir/debug/langoverrule"

# ── saying what happens ──────────────────────────────────────────────────────

if [ -t 2 ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' plain=$'\e[0m'; else bold='' dim='' red='' plain=''; fi
steps=0 step=0 began=$SECONDS step_name=''

step_end() {
  [ -z "$step_name" ] && return
  printf '%s      %s: %s s%s\n' "$dim" "$step_name" "$((SECONDS - step_began))" "$plain" >&2
  step_name=''
}

# step NAME: closes the step before it with its time and opens a new one.
step() {
  step_end
  step=$((step + 1)) step_name=$1 step_began=$SECONDS
  printf '%s── %s/%s %s%s\n' "$bold" "$step" "$steps" "$1" "$plain" >&2
}

fail() {
  printf '%srun.sh: %s%s\n' "$red" "$1" "$plain" >&2
  exit 1
}

on_exit() {
  local status=$?
  # What is built beside a step that failed is not waited for; it has a process group of its own.
  if [ -n "$page_job" ]; then kill -- "-$page_job" 2>/dev/null || true; fi
  if [ -n "$page_log" ]; then cat "$page_log" >&2; rm -f "$page_log"; fi
  [ $status = 0 ] || [ -z "$step_name" ] ||
    printf '%srun.sh: the step "%s" failed; its own message stands above.%s\n' "$red" "$step_name" "$plain" >&2
}
page_job='' page_log=''
trap on_exit EXIT
trap 'exit 130' INT TERM

have() { command -v "$1" >/dev/null 2>&1; }

# ── what is needed, installed when it is missing ─────────────────────────────

# debian COMMAND PACKAGE…: makes sure a command exists, from Debian's packages where we may.
debian() {
  local command=$1
  shift
  have "$command" && return
  if have apt-get && [ "$(id -u)" = 0 ]; then
    echo "      installing $* (for the command $command)" >&2
    if [ -z "${apt_updated:-}" ]; then
      apt-get update -qq >&2 || fail "apt-get update failed: is the machine online?"
      apt_updated=1
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 ||
      fail "apt-get could not install $*: install what provides '$command' by hand and run this again."
  elif have apt-get; then
    fail "the command '$command' is missing: run 'sudo apt-get install $*' and then this again."
  else
    fail "the command '$command' is missing: install it (Debian calls the packages $*) and run this again."
  fi
  have "$command" || fail "'$command' is still missing after installing $*."
}

need_rust() {
  have cargo || fail "Rust is missing: install rustup from https://rustup.rs and run this again."
  # SQLite, zstd and libjpeg-turbo are compiled from their C sources.
  debian cc build-essential
  if have rustup; then
    local channel
    channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
    # Into a variable first: a pipe that grep closes early would look like a failure.
    local toolchains targets
    toolchains=$(rustup toolchain list)
    if ! grep -q "^$channel" <<<"$toolchains"; then
      echo "      installing Rust $channel" >&2
      rustup toolchain install "$channel" --profile minimal -c rustfmt -c clippy >&2 ||
        fail "rustup could not install Rust $channel: is the machine online?"
    fi
    targets=$(rustup target list --installed)
    if ! grep -qx "$wasm_target" <<<"$targets"; then
      echo "      installing the target $wasm_target" >&2
      rustup target add "$wasm_target" >&2 || fail "rustup could not add $wasm_target: is the machine online?"
    fi
  elif [ ! -d "$(rustc --print sysroot)/lib/rustlib/$wasm_target" ]; then
    fail "this Rust has no $wasm_target: install rustup from https://rustup.rs, or your system's package for that target."
  fi
}

need_node() {
  debian node nodejs
  local major
  major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
  [ "$major" -ge "$node_least" ] || fail "node $node_least or newer is needed, this is $(node --version)."
}

need_browser() {
  # Without a font package a bare machine's browser draws no text at all.
  debian chromium chromium chromium-driver fonts-liberation fonts-dejavu-core
  debian chromedriver chromium-driver
}

# axe-core judges the page's accessibility. From npm, and only the very bytes that are pinned here.
need_axe() {
  local folder=.tools/axe-core-$axe_version tarball
  [ -f "$folder/axe.min.js" ] && return
  debian npm npm
  echo "      installing axe-core $axe_version" >&2
  mkdir -p "$folder"
  tarball=$(cd "$folder" && npm pack --silent "axe-core@$axe_version") ||
    fail "npm could not bring axe-core $axe_version: is the machine online?"
  if ! (cd "$folder" && sha512sum --check --status <<<"$axe_sha512  $tarball"); then
    rm -r "$folder"
    fail "what npm brought as axe-core $axe_version is not what this project was tested with."
  fi
  tar -xzf "$folder/$tarball" -C "$folder" --strip-components 1 package/axe.min.js package/LICENSE
  rm "$folder/$tarball"
}

# cargo-deny judges what the lab is built from. Its own checks need no optimised build: that is a
# minute of one core, once.
need_deny() {
  deny=.tools/cargo-deny-$deny_version/bin/cargo-deny
  if [ ! -x "$deny" ]; then
    echo "      installing cargo-deny $deny_version" >&2
    cargo install --quiet --locked --debug --no-default-features --version "=$deny_version" \
      --root ".tools/cargo-deny-$deny_version" cargo-deny >&2 ||
      fail "cargo could not install cargo-deny $deny_version: is the machine online?"
  fi
}

# ── building ─────────────────────────────────────────────────────────────────

# Knows by itself what is stale.
build_page() { cargo run --quiet --package xtask -- page >&2; }

# The page's program ends in a minute that only one processor can work at. So it is built while
# something else is: begin_page starts that, end_page waits for it and says what it said.
begin_page() {
  page_log=$(mktemp)
  cargo build --quiet --package xtask
  set -m
  "$target_dir/debug/xtask" page >"$page_log" 2>&1 &
  page_job=$!
  set +m
}

end_page() {
  local status=0
  wait "$page_job" || status=$?
  page_job=''
  # Cargo's own progress is of no use once it is over.
  if [ "$status" != 0 ]; then cat "$page_log" >&2; else grep -v '^ *\(Compiling\|Finished\|Downloaded\|Downloading\) ' "$page_log" >&2 || true; fi
  rm -f "$page_log"
  page_log=''
  [ "$status" = 0 ] || fail "the page could not be built; its own message stands above."
}

build_lab() { cargo build --package langoverrule; }

# A GPU is used where there is one and a compiler for it; LAB_CUDA=0 says not to.
has_cuda() { [ "${LAB_CUDA:-1}" != 0 ] && have nvcc && have nvidia-smi && nvidia-smi -L >/dev/null 2>&1; }

# Builds the lab that is going to run and names it in $lab.
build_lab_here() {
  if has_cuda; then
    local cap
    cap=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
    echo "      with CUDA for compute capability $cap (LAB_CUDA=0 builds without)" >&2
    CARGO_TARGET_DIR=$target_dir/cuda cuda/build.sh "$cap"
    lab=$target_dir/cuda/debug/langoverrule
  else
    build_lab
  fi
}

# ── releases ─────────────────────────────────────────────────────────────────

# release TARGET: builds the binary that carries page and demo models.
release() {
  local target=$1 sysroot targets
  targets=$(have rustup && rustup target list --installed || true)
  if have rustup && ! grep -qx "$target" <<<"$targets"; then
    rustup target add "$target" >&2 || fail "rustup could not add $target: is the machine online?"
  fi
  case "$target" in
  aarch64-*)
    if [ "$(uname -m)" != aarch64 ]; then
      debian aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
      export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
      export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
    fi
    ;;
  esac
  # No path of the building machine gets into the binary, so that two machines make the same one.
  sysroot=$(rustc --print sysroot)
  cargo build --release --locked --package langoverrule --target "$target" --config \
    "target.$target.rustflags=['--remap-path-prefix=$root=/lab','--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo','--remap-path-prefix=$sysroot=/rust']"
}

# glibc_of PROGRAM: the version of glibc that it asks for.
glibc_of() { grep -aoE 'GLIBC_2\.[0-9]+' "$1" | sort -uV | tail -1 | sed 's/GLIBC_//'; }

# pack TARGET: the archive and its checksum, the same bytes for the same files wherever it is made.
pack() {
  local target=$1 name folder epoch model
  name=langoverrule-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)-${target%%-*}-linux
  folder=$target_dir/dist/$name
  epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "$target_dir/$target/release/langoverrule" LICENSE-MIT LICENSE-APACHE docs/deploy.md \
    deploy/langoverrule.service deploy/grafana.json "$folder"
  for model in demo-llava demo-qwen; do cp "models/$model/ATTRIBUTION.md" "$folder/ATTRIBUTION-$model.md"; done
  cp "$target_dir/dist/LICENCES.txt" "$folder"
  cp -r "$target_dir/dist/man" "$folder"
  tar --sort=name --owner=0 --group=0 --numeric-owner --mode='u+rwX,go+rX,go-w' --mtime="@$epoch" --format=ustar \
    -cf - -C "$target_dir/dist" "$name" | gzip -n -9 >"$target_dir/dist/$name.tar.gz"
  rm -rf "$folder"
  (cd "$target_dir/dist" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
  echo "      $target_dir/dist/$name.tar.gz, for glibc $(glibc_of "$target_dir/$target/release/langoverrule") and newer" >&2
  if grep -qF "$root" "$target_dir/$target/release/langoverrule"; then
    fail "the program holds this folder's path, $root."
  fi
  archive=$target_dir/dist/$name.tar.gz
}

# dist [TARGET…]: release archives for this machine's processor, or for those that are named, tried
# where they can run.
dist() {
  local host target
  have rustc || need_rust
  host=$(rustc -vV | sed -n 's/^host: //p')
  [ $# -gt 0 ] || set -- "$host"
  steps=$((4 + 2 * $#))
  step "tools"
  need_rust
  debian curl curl
  step "page"
  build_page
  mkdir -p "$target_dir/dist"
  step "licences of everything inside"
  cargo run --quiet --package xtask -- licences "$target_dir/dist/LICENCES.txt" >&2
  for target in "$@"; do
    step "release for $target (a quarter of an hour and more on two cores)"
    release "$target"
  done
  step "manual"
  rm -rf "$target_dir/dist/man"
  if [[ " $* " = *" $host "* ]]; then
    "$target_dir/$host/release/langoverrule" man "$target_dir/dist/man" >/dev/null
  elif [ "${1%%-*}" = aarch64 ] && have qemu-aarch64-static; then
    qemu-aarch64-static -L /usr/aarch64-linux-gnu "$target_dir/$1/release/langoverrule" man "$target_dir/dist/man" >/dev/null
  else
    build_lab
    "$lab" man "$target_dir/dist/man" >/dev/null
  fi
  for target in "$@"; do
    step "archive for $target"
    pack "$target"
    if [ "$target" = "$host" ]; then
      deploy/try.sh "$archive"
    elif [ "${target%%-*}" = aarch64 ] && have qemu-aarch64-static; then
      RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu" deploy/try.sh "$archive"
    else
      echo "      not tried: this machine cannot run it (qemu-user-static would)" >&2
    fi
  done
  step_end
}

# container: an image of the release for this machine's processor, built with buildah.
container() {
  local host library binary context
  have rustc || need_rust
  host=$(rustc -vV | sed -n 's/^host: //p')
  steps=4
  step "tools"
  need_rust
  debian buildah buildah
  step "page"
  build_page
  step "release for $host (a quarter of an hour and more on two cores)"
  release "$host"
  step "image"
  binary=$target_dir/$host/release/langoverrule context=$target_dir/container
  rm -rf "$context"
  mkdir -p "$context/root/usr/bin" "$context/root/usr/share/doc/langoverrule" "$context/home/data" "$context/home/tmp"
  cp "$binary" "$context/root/usr/bin/langoverrule"
  cargo run --quiet --package xtask -- licences "$context/root/usr/share/doc/langoverrule/LICENCES.txt" >&2
  cp LICENSE-MIT LICENSE-APACHE "$context/root/usr/share/doc/langoverrule"
  # Each library where the program looks for it, which is where this system has it.
  ldd "$binary" | sed -n 's/^[^\/]*\(\/[^ ]*\) (.*/\1/p' | while read -r library; do
    install -D "$(realpath "$library")" "$context/root$library"
  done
  buildah build --format docker --timestamp "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}" \
    --file deploy/Containerfile --tag langoverrule "$context"
  step_end
}

# ── doors ────────────────────────────────────────────────────────────────────

serve() {
  steps=3
  step "tools"
  need_rust
  step "what builds the page"
  begin_page
  step "page and lab (the first build takes some minutes)"
  build_lab_here
  end_page
  step_end
  # On a machine with a screen the page opens by itself.
  if [ "$(uname)" = Darwin ] || { [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && have xdg-open; }; then
    set -- --open "$@"
  fi
  exec "$lab" serve "$@"
}

run_tests() {
  # The browser tests stand apart: what their driver asks of shared dependencies would otherwise
  # compile candle a second time, apart from the lab's own build.
  local most=(--workspace --exclude system-tests)
  steps=12
  step "tools"
  need_rust
  need_node
  need_browser
  need_axe
  need_deny
  step "dependencies"
  "$deny" check bans licenses sources || fail "a dependency is not allowed: deny.toml says what is, and how an exception is named."
  if timeout 60 "$deny" fetch db >/dev/null 2>&1; then
    "$deny" check advisories || fail "a dependency has a known fault: 'cargo update' what is named above."
  else
    echo "      advisories were not checked: their database, github.com/RustSec/advisory-db, cannot be reached" >&2
  fi
  step "format"
  cargo fmt --all --check || fail "some files are not formatted: run 'cargo fmt --all' and look at the difference."
  step "lints"
  begin_page
  cargo clippy "${most[@]}" --all-targets --quiet -- -D warnings
  cargo clippy --package system-tests --all-targets --quiet -- -D warnings
  # What of the page is compiled for browsers alone.
  cargo clippy --package frontend --target "$wasm_target" --quiet -- -D warnings
  step "documentation"
  RUSTDOCFLAGS="-D warnings" cargo doc "${most[@]}" --no-deps --quiet
  step "engine for wasm"
  cargo check --package engine --target "$wasm_target" --quiet
  step "metric cases in wasm"
  cargo build --package wasm-cases --target "$wasm_target" --quiet
  node tests/wasm/run.mjs "$target_dir/$wasm_target/debug/wasm_cases.wasm" >&2
  step "page"
  end_page
  step "lab"
  build_lab
  step "building the tests"
  cargo test "${most[@]}" --no-run --quiet
  cargo test --package system-tests --no-run --quiet
  step "browser tests"
  runner --package system-tests
  step "unit, property, golden and API tests"
  echo "      so far: $((SECONDS - began)) s" >&2
  # Last, so that the runner's own closing lines end the output.
  runner "${most[@]}" "$@"
}

# runner WHAT…: runs tests with nextest where it is there, with cargo's own runner elsewhere.
runner() {
  if have cargo-nextest; then
    cargo nextest run --no-fail-fast "$@"
  else
    cargo test --no-fail-fast "$@"
  fi
}

# The peer of the bench is transformers. It is two gigabytes large, so it is installed only when
# asked for; an environment of one's own is named with PYTHON.
bench() {
  steps=2
  local peer=${PYTHON:-$root/.tools/peer/bin/python} args=()
  for arg in "$@"; do
    if [ "$arg" = --with-peer ]; then steps=3; else args+=("$arg"); fi
  done
  step "tools"
  need_rust
  if [ "$steps" = 3 ] && ! "$peer" -c "import torch, transformers" 2>/dev/null; then
    step "the peer, transformers (two gigabytes)"
    debian python3 python3 python3-venv
    python3 -m venv .tools/peer || fail "python3 cannot make an environment: install python3-venv and run this again."
    peer=$root/.tools/peer/bin/python
    "$peer" -m pip install --quiet -r tests/goldens/requirements.txt >&2 || fail "pip could not install the peer: is the machine online?"
  fi
  step "lab"
  build_lab_here
  step_end
  if "$peer" -c "import torch, transformers" 2>/dev/null; then
    args+=(--peer "$peer tests/bench/peer.py")
  else
    echo "      without the peer: './run.sh bench --with-peer' measures transformers beside it" >&2
  fi
  "$lab" bench "${args[@]}"
  # Options are the engine's; without any, the lab's door and the page are measured too.
  if [ "${#args[@]}" = 0 ] || [ "${args[0]}" = --peer ]; then
    cargo run --quiet --package langoverrule --example doors -- "$lab" models/demo-llava/samples/cat-far.png
    cargo run --quiet --package langoverrule --example classroom -- "$lab" models/demo-llava/samples/cat-far.png
    # Some minutes: load, slow clients, unfairness, kills, bombs and floods.
    cargo run --quiet --package langoverrule --example siege -- "$lab" --long
    if [ -d frontend/dist ]; then
      printf '\n| the page | bytes |\n|---|---|\n'
      find frontend/dist -name 'frontend_bg-*.wasm.br' -printf '| WebAssembly of the first screen, brotli | %s |\n'
      find frontend/dist -name '*.wasm.br' -not -name 'frontend_bg-*' -printf '%s\n' |
        awk '{ all += $1 } END { printf "| WebAssembly behind clicks, brotli | %d |\n", all }'
    fi
  fi
}

# paper FAMILY [N] [real] [OPTIONS]: the paper's tables, into results/.
paper() {
  local family=$1 samples=100 real=()
  shift
  if [[ "${1:-}" =~ ^[0-9]+$ ]]; then samples=$1; shift; fi
  # `true` and `false` are what the reference implementation's script takes.
  case "${1:-}" in
  real | true) real=(--real); shift ;;
  demo | false) shift ;;
  esac
  steps=2
  step "tools"
  need_rust
  step "lab (the first build takes some minutes)"
  build_lab_here
  step_end
  exec "$lab" experiment --paper "$family" --samples "$samples" "${real[@]}" "$@"
}

# readme [N]: makes docs/experiments and the README's figures anew, from N samples (100 unless told).
readme() {
  steps=4
  step "tools"
  need_rust
  step "lab (the first build takes some minutes)"
  build_lab_here
  step "the paper's grid, its floors and random pruning (some minutes)"
  local made
  made=$(mktemp -d)
  "$lab" experiment --paper both --samples "${1:-100}" --data "$made/data" --out "$made/out" >/dev/null
  step "docs/experiments and README.md"
  cp "$made"/out/{tables.md,tables.json,layers.svg,prune.svg,replicate.svg} docs/experiments/
  awk -v block="$made/out/readme.md" '
    /^<!-- end of what .\/run.sh readme makes -->$/ { inside = 0 }
    !inside { print }
    /^<!-- made by .\/run.sh readme -->$/ { inside = 1; while ((getline line < block) > 0) print line }
  ' README.md >"$made/README.md"
  cp "$made/README.md" README.md
  rm -r "$made"
  step_end
}

# pictures [VIEW…]: every view of the page at three sizes; the few that the documentation shows
# go to docs/pictures.
pictures() {
  steps=4
  step "tools"
  need_rust
  need_browser
  step "page"
  build_page
  step "lab"
  build_lab
  step "pictures"
  cargo run --quiet --package system-tests --example pictures -- "$@"
  step_end
}

usage() {
  cat <<'HELP'
./run.sh [serve] [OPTIONS]   build what is stale and open the lab on http://127.0.0.1:8080;
                             OPTIONS go on to `langoverrule serve`, such as --bind 0.0.0.0:80
./run.sh llava|qwen|both [N] [real] [OPTIONS]
                             the paper's tables from N samples (100 unless told): on the demo models,
                             or with "real" on the paper's own where they are on this machine; OPTIONS
                             go on to `langoverrule experiment`, such as --resume
./run.sh test [FILTER]       everything that must hold before a change goes in
./run.sh bench [OPTIONS]     speed and memory of the engine, as a table; --with-peer measures
                             transformers beside it, on the same sizes
./run.sh page                build the page alone
./run.sh pictures [VIEW]     pictures of every view at three sizes into target/pictures, and those
                             that the documentation shows into docs/pictures
./run.sh readme [N]          docs/experiments and the figures of README.md anew, from N samples
./run.sh cuda [CAP]          build the lab for an NVIDIA GPU of that compute capability (90 unless
                             told), also on a machine that has no CUDA toolkit and no GPU
./run.sh dist [TARGET…]      a release archive for this machine's processor or for those named, such as
                             aarch64-unknown-linux-gnu, tried where it can run; into target/dist
./run.sh container           an image of the lab, with buildah, from this machine's own files alone
./run.sh help                this
HELP
}

# alone DOOR [WORDS]: what takes no options is not given any.
alone() { [ $# = 1 ] || fail "'$1' takes no options: ${*:2}"; }

main() {
  local door=${1:-serve}
  [ $# -gt 0 ] && shift
  case "$door" in
  serve) serve "$@" ;;
  llava | qwen | both) paper "$door" "$@" ;;
  test) run_tests "$@" ;;
  bench) bench "$@" ;;
  pictures) pictures "$@" ;;
  readme)
    [[ "${1:-100}" =~ ^[1-9][0-9]*$ && $# -le 1 ]] || fail "'readme' takes the number of samples alone, from 1 on: $*"
    readme "$@"
    ;;
  dist) dist "$@" ;;
  container) alone "$door" "$@"; container ;;
  page) alone "$door" "$@"; steps=2; step "tools"; need_rust; step "page"; build_page; step_end ;;
  cuda) steps=2; step "tools"; need_rust; step "lab with CUDA (20 minutes the first time)"; cuda/build.sh "$@"; step_end ;;
  help | -h | --help) usage ;;
  --*) serve "$door" "$@" ;;
  *) usage >&2; fail "there is no door called '$door'." ;;
  esac
}

# On one line, so that editing this file while it runs does not change what runs.
main "$@"; exit
