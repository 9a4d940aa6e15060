# Claude Code's status line: status_line.sh COMMAND... tells the service of it and prints it. Before the first turn there is
# neither cost nor context to tell of, and Python would take a processor from Claude Code while it starts.
told=$(cat)
case $told in
  *'"total_cost_usd":0,'*'"used_percentage":null'*) printf '%s\n' "$ORCHESTRA_SESSION" ;;
  *) printf '%s\n' "$told" | "$@" ;;
esac
