#!/usr/bin/env bash
# Installs what Orchestra needs beside Python, where it is missing: tmux, git, a Docker engine. Safe to repeat.
# setup.sh [--yes] [--tests]   On a terminal it asks before it changes the system; --yes answers for you.
#                              --tests also installs npm, with which the tests fetch real agent programs, git-lfs, zsh and fish.
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
yes= tests=
for option in "$@"; do
  case "$option" in
    --yes | -y) yes=1 ;;
    --tests) tests=1 ;;
    *) echo "usage: setup.sh [--yes] [--tests]" >&2; exit 2 ;;
  esac
done

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
may_be_root() { [ "$(id -u)" = 0 ] || has sudo; }

agree() { # QUESTION
  [ -n "$yes" ] || [ ! -t 0 ] && return 0
  read -r -p "setup: $1 [Y/n] " answer
  case "$answer" in [nN]*) return 1 ;; esac
}

apt_known() { apt-cache show "$1" >/dev/null 2>&1; }

install() { # WHAT-FOR PACKAGE...
  local reason=$1; shift
  if ! has apt-get || ! may_be_root; then
    say "missing for $reason: $* (install them with your system's package tool)"
    return 1
  fi
  agree "install $* for $reason?" || return 1
  say "installing $*"
  local log; log=$(mktemp)
  if ! { as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2; rm -f "$log"
    say "could not install $*"
    return 1
  fi
  rm -f "$log"
}

basics=()
has tmux || basics+=(tmux)
has git || basics+=(git)
python3 -c 'import ensurepip' 2>/dev/null || basics+=(python3 python3-venv)
if [ ${#basics[@]} -gt 0 ]; then
  install "Orchestra itself" "${basics[@]}" || fail "Orchestra cannot run without ${basics[*]}"
fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Orchestra needs Python 3.11 or newer"

if [ -n "$tests" ] && ! has npm; then
  install "the tests' real agent programs" npm || say "without npm, the tests of real agent programs fail"
fi

if [ -n "$tests" ] && ! { has zsh && has fish; }; then
  install "the tests of shell completion" zsh fish || say "without zsh and fish, the tests of shell completion fail"
fi

if [ -n "$tests" ] && ! has git-lfs; then
  install "the tests with Git LFS" git-lfs || say "without git-lfs, its tests are left out (with CI set, they fail)"
fi

without="Without one, agents run on this machine itself: orchestra up --sandbox host"
answers() { has docker && timeout 10 docker version >/dev/null 2>&1; }
if ! answers && [ -z "${DOCKER_HOST:-}" ]; then
  engine=()
  has dockerd || engine+=(docker.io)
  has dockerd && ! has docker && engine+=(docker-cli)
  has iptables || engine+=(iptables)
  if [ ${#engine[@]} -gt 0 ]; then install "running agents in containers" "${engine[@]}" || true; fi
  # Newer Debian has the docker command in a package of its own.
  if has dockerd && ! has docker && apt_known docker-cli; then install "the docker command" docker-cli || true; fi
fi
if ! answers; then
  if ! agree "start the Docker engine?" || ! bash "$here/engine.sh"; then
    say "there is no Docker engine. $without"
    exit 0
  fi
fi
# Makes the base image where no registry can be reached.
if ! docker image inspect debian:bookworm-slim >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && ! has debootstrap; then
  install "a base image without a registry" debootstrap || true
fi
say "ready: $(tmux -V), $(git --version), Docker engine $(docker version --format '{{.Server.Version}}')"
