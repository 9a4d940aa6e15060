# What follows runs in the agent's own box. Secrets come from files, so that no list of
# processes, containers or images shows them.
set -u
cd "$worktree" || exit 1
# A window that is attached gives the terminal its size; what is written before would never be seen.
looks=0
while [ "$looks" -lt 150 ] && [ "$(stty size 2>/dev/null)" = "0 0" ]; do
  looks=$((looks + 1))
  sleep 0.02
done
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
