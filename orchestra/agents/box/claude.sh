# A service that is being restarted too must be there first: Claude Code connects to it once.
echo '{}' | "$python" "$agent_dir/box/tell.py" Launched 10 >/dev/null &
"$python" "$agent_dir/box/settle.py"
wait
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
  "$start" "$(cat "$prompt")"
else
  "$start"
fi
