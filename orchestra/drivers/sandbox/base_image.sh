#!/bin/sh
# Makes a Debian base image where no registry can be reached: base_image.sh IMAGE, as debian:bookworm-slim.
# It comes from the machine's own package source and carries that source and the machine's certificate authorities.
set -eu
image=${1:?usage: base_image.sh IMAGE}

fail() {
  echo "base_image.sh: $1" >&2
  exit 1
}

name=${image%%:*} tag=${image#*:}
[ "$name" = debian ] && [ "$tag" != "$image" ] || fail "only debian:SUITE can be made here, not $image"
suite=${tag%-slim}
[ "$(id -u)" = 0 ] || fail "making $image needs root"
command -v debootstrap >/dev/null || fail "making $image needs debootstrap: apt-get install debootstrap"
command -v docker >/dev/null || fail "the docker command is missing"
[ -e "/usr/share/debootstrap/scripts/$suite" ] || fail "debootstrap knows no suite called $suite"

# Where the machine itself gets this suite from; otherwise debootstrap's own default.
sources=
if command -v apt-get >/dev/null; then
  # shellcheck disable=SC2016 # the format is apt's
  sources=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' \
    2>/dev/null | awk -v suite="$suite" '$1 == "Debian" && index($2, suite) == 1 && $3 == "main" { print $2, $4 }' | sort -u)
fi
mirror=$(printf '%s\n' "$sources" | awk -v suite="$suite" '$1 == suite { print $2; exit }')

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
trap 'exit 1' INT TERM HUP
bundle=/etc/ssl/certs/ca-certificates.crt
set -- --variant=minbase
[ -r "$bundle" ] && set -- "$@" --include=ca-certificates
# shellcheck disable=SC2086 # an empty mirror is no argument
debootstrap "$@" "$suite" "$root/tree" $mirror >"$root/log" 2>&1 || {
  tail -n 5 "$root/log" >&2
  fail "debootstrap failed"
}

tree=$root/tree
if [ -n "$mirror" ]; then
  printf '%s\n' "$sources" | awk '{ print "deb", $2, $1, "main" }' >"$tree/etc/apt/sources.list"
fi
if [ -r "$bundle" ]; then
  mkdir -p "$tree/etc/ssl/certs" "$tree/usr/local/share/ca-certificates"
  cp "$bundle" "$tree$bundle"
  cp -RL /usr/local/share/ca-certificates/. "$tree/usr/local/share/ca-certificates/" 2>/dev/null || true
fi
rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/* "$tree"/var/log/*.log \
  "$tree"/usr/share/doc/* "$tree"/usr/share/man/* "$tree"/usr/share/locale/*
tar -C "$tree" --one-file-system --numeric-owner -c . | docker import -c 'CMD ["bash"]' - "$image" >/dev/null
echo "made $image"
