# What agents do inside their containers to harm whoever looks at their work: each attack is a line with its name and
# its roles, and a script. The script runs after prelude.sh, in the directory through which the role harms the person:
# $AT is the worktree of an executor, and the person's checkout for the designer and for a paired executor.
# The pointer to git, and the mounts around it

== git removed == executor designer paired
refused 'rm -f .git' 'rm -rf .git' 'rmdir .git' 'unlink .git'

== git renamed == executor paired
mkdir x; refused 'mv .git y' 'mv -T .git x/y' 'mv -T x .git'

== git exchanged for a directory of its own == executor designer paired
evil_git x/.git
refused 'python3 -c "
import ctypes, sys
c = ctypes.CDLL(None, use_errno=True)
sys.exit(c.renameat2(-100, b\".git\", -100, b\"x/.git\", 2) != 0)"'

== git rewritten == executor paired
refused 'echo gitdir: x >.git' 'truncate -s 0 .git' 'cp $BITE .git' 'sed -i s/a/b/ .git'

== git made a symlink == executor designer paired
evil_git x; refused 'ln -sfT "$AT/x" .git' 'ln -sT x .git' 'ln -f x/HEAD .git'

== git hard-linked == executor paired
refused 'ln .git x' 'ln -T README.md .git' 'cp -al .git x'

== git made unreadable == executor paired
refused 'chmod 0 .git' 'touch .git' 'setfacl -b .git'

== git covered by mounts == executor designer paired
evil_git x
refused 'mount --bind x .git' 'umount .git' 'umount -l .git' 'unshare -m true' 'unshare -Ur true' \
    'nsenter -t 1 -m true' 'mount -t tmpfs none .git' 'mount -o remount,rw .git'

== git through proc == executor paired
for at in /proc/self/cwd /proc/self/root$AT /proc/1/root$AT; do
    refused "echo gitdir: x >$at/.git" "rm -f $at/.git" "mv $at/.git $at/y"
done

== the whole tree moved away == executor paired
cd /; refused 'mv "$AT" "$AT.x"' 'rmdir "$AT"' 'ln -sfT /tmp "$AT"'

== git by names that are like it == executor paired
for name in .GIT .Git git~1 GIT~1 .git. '.git ' "$(printf '.g\342\200\214it')" ".git::\$INDEX"
do evil_git "./$name"; done

== git in the directory above == executor designer
refused 'echo gitdir: x >"$AT/../.git"; test -e "$VICTIM"'

# The private git directory

== private settings == executor designer
settings >>$GITDIR/config; settings >$GITDIR/config.worktree

== private settings that include themselves == executor
settings >x
printf '[include]\n\tpath = config\n[includeIf "onbranch:*"]\n\tpath = %s/x\n' "$AT" >>$GITDIR/config

== private hooks == executor
hooks $GITDIR/hooks; committed

== private commondir == executor
evil_git x; echo "$AT/x" >$GITDIR/commondir

== private gitdir and worktrees == executor
mkdir -p $GITDIR/worktrees/evil
echo "$SOURCE/.git" >$GITDIR/worktrees/evil/gitdir; echo ../.. >$GITDIR/worktrees/evil/commondir
echo "$SOURCE/.git" >$GITDIR/gitdir; cp $GITDIR/HEAD $GITDIR/worktrees/evil/

== private attributes and excludes == executor designer
echo '* filter=evil diff=evil merge=evil' >$GITDIR/info/attributes
ln -sf /etc/passwd $GITDIR/info/exclude; mkfifo $GITDIR/info/sparse-checkout

== alternates that lead everywhere == executor
printf '%s\n' /orchestra/objects "$SOURCE/.git/objects" /etc \
    ../objects "$GITDIR/objects" /dev/zero >$GITDIR/objects/info/alternates

== objects of the host written == executor
refused 'touch /orchestra/objects/x' 'mkdir /orchestra/objects/ff' \
    'touch /orchestra/objects/pack/x' 'rm -rf /orchestra/objects/info' 'touch /orchestra/objects/info/alternates'
mv $GITDIR/objects $GITDIR/o; ln -s /orchestra/objects $GITDIR/objects; refused 'git commit -q --allow-empty -m x'


== refs that are symlinks == executor designer
ln -s /etc/passwd $GITDIR/refs/heads/passwd
ln -s "$VICTIM/.ssh/id_rsa" $GITDIR/refs/heads/key; ln -s / $GITDIR/refs/heads/root

== the branch is a symlink == executor
ln -sf "$VICTIM/.ssh/id_rsa" $GITDIR/refs/heads/$BRANCH

== packed refs that lead out == executor
tip=$(git rev-parse HEAD)
for name in ../../../x refs/heads/../../config refs/heads/main refs/orchestra/sessions/bystander refs/stash \
    refs/tags/evil "refs/heads/$(printf '\033]0;x\007')" --upload-pack=x HEAD config; do
    echo "$tip $name"; done >>$GITDIR/packed-refs

== refs named like options and commands == executor designer
tip=$(git rev-parse HEAD)
for name in -x --upload-pack=touch '$(echo>$CANARY)' '`id`' ';id' '|id' x.lock @ 'a b' main HEAD; do
    mkdir -p $GITDIR/refs/heads $GITDIR/refs/tags
    tried "echo $tip >$GITDIR/refs/heads/'$name'" "echo $tip >$GITDIR/refs/tags/'$name'"; done

== objects replaced == executor
evil=$(git commit-tree -m evil $(git mktree </dev/null)); git replace HEAD $evil
git replace -f HEAD^{tree} $(git mktree </dev/null)

== grafts and a shallow file == executor
git rev-parse HEAD >$GITDIR/info/grafts; git rev-parse HEAD >$GITDIR/shallow
echo junk >>$GITDIR/shallow

== logs, notes and stashes == executor
mkdir -p $GITDIR/logs/refs; echo x >>README.md; git stash -q
printf '%040d %040d \033]0;owned\007 <\n> 1 +0000\t\033[2J\n' 1 2 >>$GITDIR/logs/refs/stash
git notes add -f -m "$(printf '\033]0;owned\007')" HEAD; git config notes.displayRef 'refs/notes/*'

== tags of every kind == executor
git tag -a -m "$(printf '\033]0;x\007')" evil; git tag main; git tag -a -m x deep evil
git tag blob HEAD:README.md; git tag -- "orchestra/evil"; committed

== HEAD that leads out == executor
echo 'ref: refs/heads/../../../../x' >$GITDIR/HEAD

== HEAD on another's branch == executor
echo 'ref: refs/heads/orchestra/bystander' >$GITDIR/HEAD; committed x; echo TAKEN

== HEAD is a pipe == executor
rm $GITDIR/HEAD; mkfifo $GITDIR/HEAD

== settings are a pipe == executor designer
rm $GITDIR/config; mkfifo $GITDIR/config

== the branch is a pipe == executor
rm -f $GITDIR/refs/heads/$BRANCH; mkfifo $GITDIR/refs/heads/$BRANCH

== the branch is a loop == executor
echo 'ref: refs/heads/loop' >$GITDIR/refs/heads/$BRANCH
echo "ref: refs/heads/$BRANCH" >$GITDIR/refs/heads/loop

== the branch is the host's own == executor
echo 'ref: refs/remotes/origin/main' >$GITDIR/refs/heads/$BRANCH

== no branch any more == executor
rm -rf $GITDIR/refs/heads $GITDIR/packed-refs; mkdir $GITDIR/refs/heads

== no private git any more == executor designer
rm -rf $GITDIR/* || true

== other formats == executor
printf '[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n\trefStorage = reftable\n\tevil = true\n' \
    >>$GITDIR/config

== a promise to fetch == executor
git config core.repositoryformatversion 1; git config extensions.partialClone origin
git config remote.origin.promisor true; git config remote.origin.url "ext::$BITE"
git config remote.origin.uploadpack "$BITE"; git config protocol.ext.allow always
git update-ref refs/heads/$BRANCH $(printf 'tree %040d\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nx\n' 7 |
    git hash-object -t commit -w --literally --stdin)

== an index of nonsense == designer
head -c 3000000 /dev/urandom >$GITDIR/index

== locks on everything == designer
touch $GITDIR/index.lock $GITDIR/HEAD.lock $GITDIR/config.lock $GITDIR/packed-refs.lock

# The end of the fetch that is inside the container

== the agent's home leads out == paired
for name in .claude .config .orchestra .codex .cache .local; do
    rm -rf ~/$name; ln -s "$VICTIM" ~/$name; done

# Commits

== a maker that steers terminals == designer
git -c user.name="$(printf '\033]0;owned\007')" \
    -c user.email="$(printf '\033[2J')" commit -q --allow-empty -m "$(printf '\033]52;c;aGk=\007 red')"
echo TAKEN $(git rev-parse HEAD)

== a gitlink == designer
git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),evil; git commit -qm x; evil_git evil/.git
out

== gitmodules that name programs == designer
cat >.gitmodules <<END
[submodule "$SUB"]
	path = $SUB
	url = ext::$BITE
	update = !$BITE
	ignore = none
	fetchRecurseSubmodules = true
	branch = -x
[submodule "../../hooks"]
	path = evil
	url = --upload-pack=$BITE
[submodule "x\033]0;x"]
	path = -x
	url = ./x
END
git add .gitmodules; git commit -qm x; git config -f .gitmodules submodule.recurse true
out

== gitmodules uncommitted == paired
printf '[submodule "'$SUB'"]\n\tpath = '$SUB'\n\tupdate = !'$BITE'\n\turl = ext::'$BITE >.gitmodules

== gitmodules behind a symlink == designer
ln -sf x .gitmodules; settings >x
tree=$(printf '120000 blob %s\t.gitmodules\n' $(printf x | git hash-object -w --stdin) | git mktree)
git update-ref refs/heads/$BRANCH $(git commit-tree -p HEAD -m x $tree)
out

== names of every kind == designer paired
python3 - <<'END'
import os
for name in (b"a\nb", b"\x1b]0;owned\x07title", b"-rf", b"--output=x", b"$(echo>$CANARY)", b"`echo>$CANARY`", b"#(echo>$CANARY)",
             b"\xff\xfe", b"n" * 255, "bidi \u202e gnp".encode(), b"'\"\\ ;&|", b"%s%n", b"~", b"*", b":(glob)**", b"@{-1}",
             b"HEAD", b"-", b"CON", b"\r", b"\x9b2J", b"#[fg=red]", b"!echo>$CANARY", b";echo>$CANARY;"):
    os.mkdir(b"odd-" + name[:200]); open(b"odd-" + name[:200] + b"/" + name, "w").write("\x1b[2J\x1b]52;c;aGk=\x07\n")
    open(name, "w").write("x\n")
END

# Files in the tree

== a repository in a directory == designer paired
evil_git new/.git; echo x >new/file; evil_git a/b/c/.git

== bare repositories in directories == paired
evil_git bare true; evil_git docs/deep true; evil_git x.git true

== the tree itself a bare repository == designer
evil_git . true; mkdir -p modules worktrees; echo x >commondir

== the submodule's git == designer paired
refused 'rm -f $SUB/.git' 'echo x >$SUB/.git' 'mv $SUB/.git x' 'mv $SUB x' \
    'mv ${SUB%%/*} x' 'ln -sfT /tmp $SUB/.git' 'rm -rf $SUB' 'cp -r x $SUB/.git'
echo x >>$SUB/code.c

== the submodule's directory == executor
refused 'touch $SUB/x' 'mkdir $SUB/.git' 'git init -q $SUB' 'mv $SUB x' 'rmdir $SUB' 'mv ${SUB%%/*} x' \
    'ln -sfT /tmp $SUB' 'cp -r /tmp/evil $SUB/.git' 'umount $SUB'

== attributes of every kind == designer paired
echo '* filter=evil diff=evil merge=evil textconv ident working-tree-encoding=x eol=crlf' >.gitattributes
mkdir -p sub; cp .gitattributes sub; echo '[attr]m m m' >>.gitattributes; echo x >>README.md; touch -d @1 README.md

== rules that are symlinks == designer paired
ln -sf /etc/passwd .gitignore; ln -sf "$VICTIM/.ssh/id_rsa" .gitattributes
ln -sf /dev/zero .mailmap

== a pipe called .gitignore == designer hangs
mkdir -p x/.git; rm -f .gitignore; mkfifo .gitignore

== pipes and sockets for files == designer
rm README.md; mkfifo README.md pipe; python3 -c "
import socket; socket.socket(socket.AF_UNIX).bind('socket'); socket.socket(socket.AF_UNIX).bind('.envrc')"

== devices == paired
refused 'mknod d c 1 3' 'mknod d b 8 0' 'mknod d c 5 1' 'mount -t devtmpfs x x'; mknod p p

== tracked files lead out == designer paired
ln -sf "$VICTIM/.ssh/id_rsa" README.md; rm -rf tests; ln -s / tests
rm -rf tempo; ln -s "$VICTIM" tempo

== links of every kind == designer paired
ln -s loop2 loop; ln -s loop loop2; ln -s /proc/self/root p; ln -s /dev/tty t
ln -s /proc/1/fd/0 f; ln -s . dot; ln -s .. up; ln -s $(printf '../%.0s' $(seq 40))etc/passwd parents
ln -s "$(printf 'x%.0s' $(seq 4000))" long; ln -s / /tmp/rootlink || true; ln -s "$SOURCE/.git" git

== four hundred directories inside each other == designer
python3 -c "
import os
for n in range(400): os.mkdir('directory-' + str(n)); os.chdir('directory-' + str(n))
open('file', 'w').write('x')"

== a file for each command a person types == designer
for name in git ls cd status bash vi orchestra tmux docker; do bite ./$name; bite bin/$name; done

# Orchestra's own directory in the checkout

== copies lead out == designer
ln -sf .git/config .env; ln -sfT "$VICTIM" conf; mkdir keys; ln -s "$VICTIM/.ssh/id_rsa" keys/key
mkfifo keys/pipe; truncate -s 1T keys/sparse
