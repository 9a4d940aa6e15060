# What every attack script begins with. An attack ends with an error where it could not be made.
set -eu
# An import that an earlier attack holds up is ended, as the host would in two minutes.
for process in /proc/[0-9]*; do
    read -r name <"$process/comm" || continue
    case $name in git | git-upload-pack | tail) kill -9 "${process#/proc/}" || true ;; esac
done 2>/dev/null
export GIT_CONFIG_NOSYSTEM=1
BITE=$AT/.bite
bite() {
    mkdir -p "$(dirname "$1")"
    printf '#!/bin/sh\necho "$0 $*" >>%s\ncat 2>/dev/null\ntrue\n' "$CANARY" >"$1"
    chmod 755 "$1"
}
bite "$BITE"
refused() { # LINE...: each has to fail
    for line in "$@"; do
        if (eval "$line") >/dev/null 2>&1; then echo "NOT REFUSED: $line"; fi
    done
}
tried() { # LINE...: may fail
    for line in "$@"; do (eval "$line") >/dev/null 2>&1 || true; done
}
committed() { # [WORDS...]: commits all there is, and tells which commit has to arrive
    git add -A
    git commit -q --allow-empty -m "${*:-attack}"
    echo "TAKEN $(git rev-parse HEAD)"
}
out() { # the branch as it is now may not come to the host
    echo "OUT $(git rev-parse "refs/heads/$BRANCH")"
}
settings() { # every setting of git that names a program
    cat <<END
[core]
	fsmonitor = $BITE
	hooksPath = $AT/.hooks
	pager = $BITE
	editor = $BITE
	sshCommand = $BITE
	gitProxy = $BITE
	askPass = $BITE
	attributesFile = $AT/.gitattributes
	alternateRefsCommand = $BITE
[pager]
	status = $BITE
	diff = $BITE
	log = $BITE
	blame = $BITE
	stash = $BITE
[interactive]
	diffFilter = $BITE
[diff]
	external = $BITE
[diff "evil"]
	command = $BITE
	textconv = $BITE
	trustExitCode = true
[filter "evil"]
	clean = $BITE
	smudge = $BITE
	process = $BITE
	required = true
[merge "evil"]
	driver = $BITE
[uploadpack]
	packObjectsHook = $BITE
[credential]
	helper = !$BITE
[gpg]
	program = $BITE
[gpg "ssh"]
	program = $BITE
	defaultKeyCommand = $BITE
[log]
	showSignature = true
[commit]
	gpgSign = true
[sequence]
	editor = $BITE
[difftool "evil"]
	cmd = $BITE
[alias]
	status = !$BITE
	log = !$BITE
	st = !$BITE
[protocol]
	allow = always
[protocol "ext"]
	allow = always
[submodule "$SUB"]
	active = true
	url = ext::$BITE
	update = !$BITE
[extensions]
	partialClone = origin
[remote "origin"]
	url = ext::$BITE
	uploadpack = $BITE
	receivepack = $BITE
	vcs = evil
	promisor = true
[trace2]
	eventTarget = $AT/trace
[include]
	path = $SOURCE/.git/config
END
}
hooks() { # DIRECTORY
    for name in pre-commit post-commit post-checkout post-merge pre-auto-gc reference-transaction post-index-change \
        post-rewrite pre-push update post-update fsmonitor-watchman prepare-commit-msg commit-msg pre-receive; do
        bite "$1/$name"
    done
}
evil_git() { # DIRECTORY [bare]: a git directory with one commit and every setting
    rm -rf /tmp/evil && mkdir -p "$1"
    git init -q /tmp/evil
    git -C /tmp/evil -c user.name=e -c user.email=e@e commit -q --allow-empty -m e
    mv /tmp/evil/.git/* "$1"
    printf '[core]\n\trepositoryformatversion = 1\n\tbare = %s\n' "${2:-false}" >"$1/config"
    settings >>"$1/config"
    rm -rf "$1/hooks" && hooks "$1/hooks"
    mkdir -p "$1/info"
    echo '* filter=evil diff=evil merge=evil' >"$1/info/attributes"
}
