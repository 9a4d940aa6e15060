#!/bin/sh
# Keeps a tmux window attached to a container: attach.sh CONTAINER SESSION SECONDS|plain DOCKER-COMMAND...
# SECONDS: the time that a program which handles pastes and focus events needs to set up its terminal.
# It survives stops and engine restarts, and ends when the container is gone for good.
container=$1 session=$2 settled=$3
shift 3

# Keys typed while nothing is attached must not end the window.
trap : INT QUIT TSTP

shown=
say() {
  [ "$shown" = "$1" ] && return
  shown=$1
  printf '\033[0m\033[H\033[2J\n  %s\n' "$1"
}

# Print below the agent's last output, which may be the only explanation of its end.
add() {
  [ "$shown" = "$1" ] && return
  shown=$1
  printf '\033[0m\n  %s\n' "$1"
}

# Switch off what an ended program may have left on: alternate screen, mouse, keypad, hidden cursor, colours.
reset_terminal() {
  stty sane 2>/dev/null
  printf '\033[?1049l\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?2004l\033[?1004l\033[?1l\033>\033[?25h\033[0m'
}

# Until a started agent has set up its terminal, its input is echoed, and the focus reports that the modes cause would
# stay on its screen. It then switches the modes on itself.
is_settled() {
  [ "$settled" != plain ] && has_run "$settled"
}

has_run() {
  started=$(date -d "${state#running }" +%s 2>/dev/null) || return 0
  [ $(($(date +%s) - started)) -ge "$1" ]
}

# A program that does not draw the whole screen would leave the window empty until its next output.
tell_of_silence() {
  [ "$settled" = plain ] && has_run 5 && printf '\033[2m  %s is running; new output appears here.\033[0m\n' "$session"
}

attach() {
  reset_terminal
  printf '\033[H\033[2J'
  # A running agent has switched these on in a terminal that may no longer exist.
  is_settled && printf '\033[?2004h\033[?1004h'
  tell_of_silence
  "$@" attach --detach-keys='ctrl-^,ctrl-^' "$container" 2>/dev/null
  reset_terminal
  shown= looks=0
  # An attach that fails at once must not spin.
  sleep 0.1
}

# The engine answers only once a starting container runs. One whose agent has ended may stay so for days, and where many
# end at once, each look takes the engine's time.
pause() {
  case $state in
    exited\ *|dead\ *) if [ "$looks" -lt 40 ]; then sleep 0.5; else sleep 1; fi ;;
    *) if [ "$looks" -lt 3 ]; then sleep 0.05; elif [ "$looks" -lt 12 ]; then sleep 0.1; elif [ "$looks" -lt 60 ]; then sleep 0.2; else sleep 1; fi ;;
  esac
}

looks=0 absent=0
while :; do
  state=$("$@" inspect --type container --format '{{.State.Status}} {{.State.StartedAt}}' "$container" 2>&1 </dev/null)
  case $state in
    running\ *) absent=0; attach "$@"; continue ;;
    paused\ *) say "$session is paused. To continue: docker unpause $container" ;;
    created\ *|exited\ *|dead\ *|restarting\ *) absent=0; add "$session has stopped. To start it again: orchestra resume $session" ;;
    *[Nn]o\ such\ *)
      # A container whose definition changes is removed and created again within a moment.
      absent=$((absent + 1))
      [ "$absent" -gt 10 ] && break ;;
    *) say "The Docker engine does not answer. Waiting for it; nothing is lost." ;;
  esac
  looks=$((looks + 1))
  pause
done
say "$session no longer has a container."
