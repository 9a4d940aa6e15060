#!/usr/bin/env bash
# Starts the Docker engine unless one answers; needs no service supervisor. Exit code 0 once it answers. Safe to repeat.
set -euo pipefail
log=${ORCHESTRA_ENGINE_LOG:-/var/log/orchestra-dockerd.log}
seconds=${ORCHESTRA_ENGINE_SECONDS:-60}

say() { printf 'engine: %s\n' "$*"; }
fail() { printf 'engine: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
answers() { timeout 10 docker version >/dev/null 2>&1; }

has docker || fail "the docker command is missing"
answers && exit 0
[ -z "${DOCKER_HOST:-}" ] || fail "nothing answers at DOCKER_HOST=$DOCKER_HOST; start that engine, or unset the variable"
socket=/var/run/docker.sock
if [ "$(id -u)" != 0 ] && [ -S "$socket" ] && [ ! -w "$socket" ] && pgrep -x dockerd >/dev/null; then
  fail "you may not use the engine's socket; join its group and log in again: sudo usermod -aG docker $USER"
fi
has dockerd || [ -x /usr/sbin/dockerd ] || fail "no engine is installed here"
[ "$(id -u)" = 0 ] || has sudo || fail "starting the engine needs root"

wait_for_it() { # the process that must live on, or nothing
  local end=$((SECONDS + seconds))
  until answers; do
    [ $SECONDS -lt $end ] || return 1
    [ -z "${1:-}" ] || as_root kill -0 "$1" 2>/dev/null || return 1
    sleep 0.3
  done
}

if [ -d /run/systemd/system ] && has systemctl; then
  as_root systemctl start docker && wait_for_it && exit 0
  fail "systemctl start docker did not bring it up; look at: journalctl -u docker"
fi

# Without a supervisor nobody may have mounted the control groups either.
if ! grep -qs ' /sys/fs/cgroup' /proc/mounts; then
  if has cgroupfs-mount; then as_root cgroupfs-mount; else as_root mount -t cgroup2 cgroup2 /sys/fs/cgroup || true; fi
fi

# A killed engine leaves its process ids behind; to the next one they look alive once another program has them.
forget_stale() { # FILE PROGRAM
  if [ -f "$1" ] && [ "$(cat "/proc/$(cat "$1")/comm" 2>/dev/null)" != "$2" ]; then as_root rm -f "$1"; fi
}
forget_stale /var/run/docker.pid dockerd
forget_stale /var/run/docker/containerd/containerd.pid containerd

launch() { # OPTION...
  # In a session of its own, so that closing this terminal does not end it.
  as_root sh -c 'log=$1; shift; PATH=$PATH:/usr/sbin:/sbin; setsid dockerd "$@" </dev/null >"$log" 2>&1 & echo $!' sh "$log" "$@"
}

say "starting dockerd; it writes to $log"
wait_for_it "$(launch)" && exit 0
if as_root grep -qi 'overlay\|storage-driver\|graphdriver' "$log"; then
  say "its usual storage does not work here; trying the plain one, which is slow and needs more disk"
  wait_for_it "$(launch --storage-driver=vfs)" && exit 0
fi
as_root grep -i 'error\|fatal\|failed' "$log" | tail -n 3 >&2 || true
fail "dockerd did not come up; all it said is in $log"
