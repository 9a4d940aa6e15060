# Runs in the checkout of a merge, in its container: hooks.sh ONTO DIRECTORY...
# Hooks look at what is staged: here, everything that the merge brings to the commit ONTO.
set -u
onto=$1; shift
merged=$(git rev-parse HEAD) || exit 1
message=$(pwd)/.git/COMMIT_EDITMSG
ran=0

fail() { printf '%s\n' "$*" >&2; exit 1; }

hook() { # hook DIRECTORY NAME [ARGUMENT]: run one as git does, and husky's files as husky does.
    directory=$1 name=$2; shift 2
    [ -f "$directory/$name" ] || return 0
    case $directory in
    *.husky)
        mkdir -p "$directory/_"
        [ -e "$directory/_/husky.sh" ] || : >"$directory/_/husky.sh"
        set -- sh -e "./$directory/$name" "$@" ;;
    *)
        if [ ! -x "$directory/$name" ]; then
            printf '%s\n' "$directory/$name is not executable, and was left out"
            return 0
        fi
        set -- "./$directory/$name" "$@" ;;
    esac
    ran=1
    PATH="$PWD/node_modules/.bin:$PATH" "$@" </dev/null || fail "$directory/$name ended with $?"
}

framework() { # framework STAGE [ARGUMENTS]: https://pre-commit.com
    [ -f .pre-commit-config.yaml ] || return 0
    command -v pre-commit >/dev/null || fail "pre-commit is not in the container's image: install it there (setting: setup)"
    ran=1
    pre-commit run --hook-stage "$@" </dev/null || fail "pre-commit run --hook-stage $1 ended with $?"
}

unchanged() { # A hook that changes or adds tracked files wants to change what was checked.
    git add --update && git diff --cached --quiet "$merged" -- && return
    git --no-pager diff --cached --no-ext-diff --no-textconv "$merged" --
    fail "the hooks changed these files; commit them on the branch"
}

git symbolic-ref HEAD refs/heads/landing
git update-ref refs/heads/landing "$onto"
for directory in "$@"; do hook "$directory" pre-commit; done
framework pre-commit
unchanged
for commit in $(git rev-list --reverse --first-parent "$onto..$merged"); do
    git log -1 --format=%B "$commit" >"$message"
    cp "$message" "$message.before"
    for directory in "$@"; do hook "$directory" commit-msg "$message"; done
    framework commit-msg --commit-msg-filename "$message"
    cmp -s "$message" "$message.before" || echo "a hook changed the message; the commit keeps its own"
done
unchanged
[ "$ran" = 1 ] || echo "there are no hooks"
