#!/usr/bin/env bash
# Tries the blocks of this folder with the nginx and the Caddy of this machine, on free ports of 127.0.0.1 and
# without TLS, before a lab with a made-up model:
#     docs/proxies/try.sh target/debug/langoverrule
set -euo pipefail
lab=$(realpath "${1:?name the program}")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
until_open() { for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.1; done; return 1; }
say() { printf '%-44s %s\n' "$1" "$2"; }

# check BLOCK NAME PORT PATH: what a browser and a phone do.
check() {
    local what=$1 name=$2 port=$3 path=$4 got
    local ask=(curl -s -m 20 --resolve "$name:$port:127.0.0.1" -o "$work/out" -w '%{http_code}')
    local url=http://$name:$port$path
    got=$("${ask[@]}" "$url/r/sample")
    [ "$got" = 200 ] && grep -q 'theme.js\|has not been built' "$work/out" || { say "$what: page" "$got"; cat "$work/out"; return 1; }
    got=$("${ask[@]}" -H "Origin: http://$name:$port" -F "picture=@$here/../../models/demo-llava/samples/cat-near.png" \
        -F 'options={"prompt":"Which animal is it?","max_new_tokens":1}' "$url/api/runs")
    [ "$got" = 202 ] || { say "$what: run" "$got"; cat "$work/out"; return 1; }
    run=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["id"])' "$work/out")
    # What is too large is said by the lab, in words.
    local mib
    for mib in 21 60; do
        head -c ${mib}M /dev/zero >"$work/large"
        got=$("${ask[@]}" -H "Origin: http://$name:$port" -F "picture=@$work/large" -F 'options={"prompt":"a"}' "$url/api/runs")
        [ "$got" = 413 ] && grep -q picture_too_large "$work/out" || { say "$what: $mib MiB" "$got"; cat "$work/out"; return 1; }
    done
    got=$("${ask[@]}" -m 2 -H "Origin: http://$name:$port" -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
        -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "$url/api/runs/$run/events") || true
    [ "$got" = 101 ] || { say "$what: websocket" "$got"; cat "$work/out"; return 1; }
    got=$("${ask[@]}" -X POST -H 'Origin: https://evil.example' "$url/api/runs/$run/cancel")
    [ "$got" = 403 ] || { say "$what: another website" "$got"; return 1; }
    # Pulls are for this machine's own people: whoever comes through a proxy is none, whatever they write.
    got=$("${ask[@]}" -X POST -H 'X-Forwarded-For: 127.0.0.1' "$url/api/models/llava-1.5-7b/pull")
    [ "$got" = 403 ] || { say "$what: pull" "$got"; return 1; }
    say "$what" "page, run, websocket, too large a picture: as they should be"
}

labport=$(free)
"$lab" serve --bind "127.0.0.1:$labport" --data "$work/data" --scripted --origin https://lab.school --origin http://lab.school \
    --origin https://school.example --origin http://school.example --trusted-proxy 127.0.0.1 >"$work/lab.log" 2>&1 &
pids+=($!)
until_open "$labport"

if command -v nginx >/dev/null; then
    for block in nginx nginx-below; do
        port=$(free)
        sed -e "s/listen 443 ssl/listen 127.0.0.1:$port/" -e '/ssl_certificate/d' -e "s/127.0.0.1:8080/127.0.0.1:$labport/" \
            "$here/$block.conf" >"$work/$block.block"
        # Started by root, nginx would give itself up to somebody who cannot write here.
        [ "$(id -u)" != 0 ] || user='user root;'
        printf '%s daemon off; pid %s/%s.pid; error_log stderr; events {}\nhttp { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s; include %s; }\n' \
            "${user:-}" "$work" "$block" "$work" "$work" "$work" "$work" "$work" "$work/$block.block" >"$work/$block.conf"
        nginx -c "$work/$block.conf" 2>"$work/$block.log" &
        pids+=($!)
        until_open "$port" || { cat "$work/$block.log"; exit 1; }
        case $block in
        nginx) check "nginx" lab.school "$port" "" ;;
        *) check "nginx, below /lab/" school.example "$port" /lab ;;
        esac
    done
else
    say nginx "is not on this machine"
fi
if command -v caddy >/dev/null; then
    for block in Caddyfile Caddyfile-below; do
        port=$(free)
        { printf '{\n\tadmin off\n\tauto_https off\n}\n'
          sed -E -e "s#^(lab.school|school.example) \{#http://\1:$port {#" -e "s/127.0.0.1:8080/127.0.0.1:$labport/" "$here/$block"; } >"$work/$block"
        HOME=$work caddy run --adapter caddyfile --config "$work/$block" 2>"$work/$block.log" &
        pids+=($!)
        until_open "$port" || { cat "$work/$block.log"; exit 1; }
        case $block in
        Caddyfile) check "Caddy" lab.school "$port" "" ;;
        *) check "Caddy, below /lab/" school.example "$port" /lab ;;
        esac
    done
else
    say Caddy "is not on this machine"
fi
