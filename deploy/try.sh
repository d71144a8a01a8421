#!/usr/bin/env bash
# deploy/try.sh ARCHIVE: unpacks a release in a folder of its own, starts the lab from there, fetches the
# page, has both demo models answer, and copies and restores what they left. Traffic stays on this machine.
# RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu" tries a release for another processor.
set -euo pipefail
if [ $# != 1 ] || [ ! -f "$1" ]; then
  echo "deploy/try.sh: name an archive that ./run.sh dist made: ${*:-none was named}" >&2
  exit 2
fi
archive=$(realpath "$1")
read -ra runner <<<"${RUNNER:-}"
place=$(mktemp -d)
lab_pid=''

clean() {
  if [ -n "$lab_pid" ]; then
    kill "$lab_pid" 2>/dev/null || true
    wait "$lab_pid" 2>/dev/null || true
  fi
  rm -rf "$place"
}
trap clean EXIT

fail() {
  echo "deploy/try.sh: $1" >&2
  exit 1
}

say() { printf '%s\n' "$*"; }

(cd "$(dirname "$archive")" && sha256sum --check --quiet "$(basename "$archive").sha256") || fail "the checksum differs."
tar -xzf "$archive" -C "$place"
folder=$(echo "$place"/langoverrule-*)
# Nothing of this machine's: no home, no cache, no model beside it.
program() { (cd "$place" && env -i PATH=/usr/bin:/bin HOME="$place/home" "${runner[@]}" "$folder/langoverrule" "$@"); }
mkdir "$place/home"
say "$(program --version), $(stat -c %s "$archive") bytes packed, $(stat -c %s "$folder/langoverrule") bytes the program"
for file in LICENSE-MIT LICENSE-APACHE LICENCES.txt ATTRIBUTION-demo-llava.md ATTRIBUTION-demo-qwen.md deploy.md langoverrule.service grafana.json man/langoverrule.1; do
  [ -s "$folder/$file" ] || fail "the archive lacks $file."
done
if command -v man >/dev/null; then
  man --warnings -l "$folder/man/langoverrule-serve.1" 2>&1 >/dev/null | head -3
fi

start() {
  env -i PATH=/usr/bin:/bin HOME="$place/home" "${runner[@]}" "$folder/langoverrule" serve --bind 127.0.0.1:0 --data "$1" >"$place/said" 2>"$place/log" &
  lab_pid=$!
  for _ in $(seq 600); do
    url=$(sed -n 's/.* open at //p' "$place/said")
    [ -n "$url" ] && return
    kill -0 "$lab_pid" 2>/dev/null || fail "the lab ended: $(tail -3 "$place/log")"
    sleep 0.1
  done
  fail "the lab did not open within a minute."
}

stop() {
  kill "$lab_pid"
  wait "$lab_pid" || fail "the lab ended with a failure."
  lab_pid=''
}

start "$place/data"
program health --url "$url" >/dev/null || fail "it says that it is not well."
page=$(curl -sf "$url/")
grep -qi '<!doctype html>' <<<"$page" || fail "there is no page."
wasm=$(grep -oE '[a-z0-9_-]+_bg[a-z0-9-]*\.wasm' <<<"$page" | head -1 || true)
[ -n "$wasm" ] || fail "the page names no WebAssembly."
size=$(curl -sf "$url/$wasm" | wc -c)
[ "$size" -gt 100000 ] || fail "the page's WebAssembly has $size bytes."
say "page: $(wc -c <<<"$page") bytes, its WebAssembly $size"
curl -sf "$url/api/samples/cat-far.png" -o "$place/cat.png"
for model in demo-llava demo-qwen; do
  options="{\"model\":\"$model\",\"prompt\":\"What is in the picture?\",\"max_new_tokens\":4}"
  id=$(curl -sf -F "picture=@$place/cat.png" -F "options=$options" "$url/api/runs" | sed 's/.*"id":"\([^"]*\)".*/\1/')
  [ -n "$id" ] || fail "$model takes no run."
  for _ in $(seq 1200); do
    state=$(curl -sf "$url/api/runs/$id" | grep -o '"state":"[a-z]*"' | head -1)
    case "$state" in *queued* | *running*) sleep 0.1 ;; *) break ;; esac
  done
  [ "$state" = '"state":"done"' ] || fail "$model: the run ended with $state."
  late=$(curl -sf "$url/api/runs/$id/export.csv" | wc -l)
  say "$model: a run done, its export has $late lines"
  last=$id
done
program backup "$place/copy" --data "$place/data" >"$place/backup" || fail "it cannot be copied."
sed "s|$place|…|" "$place/backup"
stop
program restore "$place/copy" --data "$place/restored" >/dev/null || fail "the copy cannot be restored."
start "$place/restored"
curl -sf "$url/api/runs/$last" | grep -q '"state":"done"' || fail "the restored lab lacks a run."
stop
say "restored: the run is there"
