# What follows runs in the agent's own box. Secrets come from files, so that no list of
# processes, containers or images shows them.
set -u
cd "$worktree" || exit 1
if [ -r "$secrets_dir/token" ]; then
  ORCHESTRA_TOKEN=$(cat "$secrets_dir/token")
  export ORCHESTRA_TOKEN
fi
for file in "$secrets_dir"/*; do
  name=${file##*/}
  case $name in token | [0-9]* | *[!A-Za-z0-9_]*) continue ;; esac
  [ -r "$file" ] && export "$name=$(cat "$file")"
done
mkdir -p "$home/.orchestra"
