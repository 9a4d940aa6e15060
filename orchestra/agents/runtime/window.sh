# The terminal gets its size when a window attaches; earlier output would never be seen.
looks=0
while [ "$looks" -lt 300 ] && [ "$(stty size 2>/dev/null)" = "0 0" ]; do
  looks=$((looks + 1))
  sleep 0.01
done
