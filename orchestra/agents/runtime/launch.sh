# This runs in the agent's box. Secrets come from files, so that no list of processes, containers or
# images shows them. In a new box every program delays the agent's start by some milliseconds, so the
# shell does as much as possible itself.
set -u
cd "$worktree" || exit 1
for file in "$secrets_dir"/*; do
  name=${file##*/}
  case $name in [0-9]* | *[!A-Za-z0-9_]*) continue ;; esac
  [ "$name" = token ] && name=ORCHESTRA_TOKEN
  [ -r "$file" ] || continue
  {
    IFS= read -r value
    if IFS= read -r more || [ -n "$more" ]; then value=$(cat "$file"); fi
  } <"$file"
  export "$name=$value"
done
[ -d "$home/.orchestra" ] || mkdir -p "$home/.orchestra"
