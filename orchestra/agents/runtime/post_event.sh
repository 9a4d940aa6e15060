# Reports one event to the service, like post_event.py, where an agent waits for it: bash starts ten times faster than
# Python. post_event.sh EVENT SECONDS posts its standard input and prints the answer; it never fails the agent.
export LC_ALL=C # a length is in bytes
shopt -s nocasematch
body=$(cat)
address=${ORCHESTRA_HOOK_URL#http://}
path=/${address#*/}
address=${address%%/*}
exchange() {
  { exec 3<>"/dev/tcp/${address%:*}/${address##*:}"; } 2>/dev/null || return
  printf '%s\r\n' "POST $path/$1 HTTP/1.0" "Host: $address" "Authorization: Bearer $ORCHESTRA_TOKEN" \
    'Content-Type: application/json' "Content-Length: ${#body}" '' >&3
  printf '%s' "$body" >&3
  length=
  IFS= read -r status <&3 || return
  while IFS= read -r field <&3 && [[ $field != $'\r' ]]; do
    [[ $field == content-length:* ]] && length=${field//[!0-9]/}
  done
  answer=$(cat <&3)
  # An incomplete answer is no answer, and one without a length is not from the service.
  [[ ${#answer} == "$length" ]] || return
  [[ $status != HTTP/?.?' 200 '* ]] || printf '%s' "$answer"
} 2>/dev/null
until exchange "$1" || ((SECONDS >= $2)); do sleep 0.1; done
exit 0
