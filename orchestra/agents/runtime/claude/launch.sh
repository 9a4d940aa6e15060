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
  [ -d "$CLAUDE_CONFIG_DIR" ] || mkdir -p "$CLAUDE_CONFIG_DIR" || return 1
  # Cut off in its middle, it is no JSON: the next start writes it anew.
  (
    umask 077
    printf '{"hasCompletedOnboarding": true, "projects": %s%s}' "$trusted" "$tail" >"$CLAUDE_CONFIG_DIR/.claude.json"
  )
}
begun=
if [ -e "$CLAUDE_CONFIG_DIR/.claude.json" ] || ! command -v bash >/dev/null || ! command -v timeout >/dev/null; then
  # A service that is being restarted too must be there first: Claude Code connects to it once.
  "$python" "$agent_dir/start.py" 10
  # Killed at its very beginning, Claude Code leaves a file without a word of the conversation, which it can neither
  # resume nor begin anew.
  if grep -qsE '"type":"(user|assistant)"' "$CLAUDE_CONFIG_DIR"/projects/*/"$conversation".jsonl; then
    begun=yes
  else
    rm -f "$CLAUDE_CONFIG_DIR"/projects/*/"$conversation".jsonl
  fi
else
  # For the first time it is the service that has the box started, now: it is there. What it is told later than within a
  # moment would seem to be a second start. Connecting has no deadline of its own. In a shell within, so that it is nobody's
  # child for whom Claude Code, which does not know of it, would have to wait.
  (echo '{}' | timeout 2 bash "$agent_dir/runtime/post_event.sh" Launched 0 >/dev/null &)
  answer || "$python" "$agent_dir/start.py" 0
fi
if [ -n "$begun" ]; then
  # It looks for a conversation under the name of the directory it runs in, and that changes when the project is moved.
  here=$CLAUDE_CONFIG_DIR/projects/$(pwd | sed 's/[^A-Za-z0-9]/-/g')
  newest=$(ls -t "$CLAUDE_CONFIG_DIR"/projects/*/"$conversation".jsonl | head -n 1)
  [ "$newest" = "$here/$conversation.jsonl" ] || { mkdir -p "$here" && cp -p "$newest" "$here/"; }
  start=again
  prompt="$agent_dir/nudge.md"
else
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
