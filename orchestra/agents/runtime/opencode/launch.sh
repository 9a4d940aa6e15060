# The configuration that only the box can make, a port and a password of this start's own.
settled=$("$python" "$agent_dir/runtime/opencode/configure.py" "$conversation") || exit 1
eval "$settled"
log="$home/.orchestra/bridge.log"
note="$home/.orchestra/opencode-session"
start=again
if [ ! -s "$note" ]; then
  start=first
  # The conversation is there before the terminal is: one that is begun later might not be shown.
  if program import "$home/.orchestra/opencode.json" </dev/null >/dev/null 2>>"$log"; then
    echo "$ORCHESTRA_OPENCODE_SESSION" >"$note"
  fi
fi
# A service that is being restarted too must be there first: opencode connects to it once.
echo '{}' | "$python" -I -S "$agent_dir/runtime/post_event.py" Launched 10 >/dev/null
# The bridge ends by itself, and well, when opencode has ended; it hears of that after a closed window too.
(
  trap '' HUP
  until "$python" "$agent_dir/bridge.py" "$$"; do sleep 1; done
) </dev/null >/dev/null 2>>"$log" &
if [ -s "$note" ]; then
  "$start" --session "$(cat "$note")"
else
  "$start"
fi
