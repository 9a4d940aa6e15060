# Claude Code's first questions are answered before it asks. Of the key it remembers the end; a shell without another
# program is enough for a home that is new.
answer() {
  tail=
  if [ -n "${ANTHROPIC_API_KEY:-}" ]; then
    case $ANTHROPIC_API_KEY in *[!A-Za-z0-9_.-]*) return 1 ;; esac
    before=${ANTHROPIC_API_KEY%????????????????????}
    [ "$before" = "$ANTHROPIC_API_KEY" ] && before=
    tail=", \"customApiKeyResponses\": {\"approved\": [\"${ANTHROPIC_API_KEY#"$before"}\"], \"rejected\": []}"
  fi
  mkdir -p "$CLAUDE_CONFIG_DIR" && (
    umask 077
    printf '{"hasCompletedOnboarding": true, "projects": %s%s}' "$trusted" "$tail" >"$CLAUDE_CONFIG_DIR/.claude.new"
  ) && mv "$CLAUDE_CONFIG_DIR/.claude.new" "$CLAUDE_CONFIG_DIR/.claude.json"
}
# A service that is being restarted too must be there first: Claude Code connects to it once. curl starts in a third of
# the time that Python takes; it is told the token through a pipe, for others see the words of a command.
seconds=10
launched() {
  printf 'url = "%s/Launched"\nheader = "Authorization: Bearer %s"\nheader = "Content-Type: application/json"\n' \
    "$ORCHESTRA_HOOK_URL" "$ORCHESTRA_TOKEN" |
    curl --config - --silent --output /dev/null --data '{}' --noproxy '*' \
      --retry "$seconds" --retry-delay 1 --retry-connrefused --retry-max-time "$seconds" --max-time "$((seconds + 1))"
}
if [ -e "$CLAUDE_CONFIG_DIR/.claude.json" ] || ! answer; then
  "$python" "$agent_dir/start.py" "$seconds"
elif command -v curl >/dev/null; then
  launched
else
  "$python" "$agent_dir/start.py" "$seconds"
fi
# Killed at its very beginning, Claude Code leaves a file without a word of the conversation, which it can neither
# resume nor begin anew.
if grep -qsE '"type":"(user|assistant)"' "$CLAUDE_CONFIG_DIR"/projects/*/"$conversation".jsonl; then
  start=again
  prompt="$agent_dir/nudge.md"
else
  rm -f "$CLAUDE_CONFIG_DIR"/projects/*/"$conversation".jsonl
  start=first
  prompt="$agent_dir/first.md"
fi
if [ -s "$prompt" ]; then
  settings="$agent_dir/begins.json"
  "$start" "$(cat "$prompt")"
else
  settings="$agent_dir/settings.json"
  "$start"
fi
