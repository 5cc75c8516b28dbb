#!/usr/bin/env bash
# Copies all conversations and their events from one server to another, over HTTP: from one database to another,
# whatever the engines are. It needs curl and jq. What is there already is not stored twice, so it may run again.
#
#   usage: move.sh http://127.0.0.1:3000 http://127.0.0.1:3001
#
# OLD_KEY and NEW_KEY are the servers' keys, if they have any. PAGE_SIZE is how much is read at once: 100.
set -euo pipefail
export LC_ALL=C
old=${1:?the old server} new=${2:?the new server}
key() { printf 'X-Session-API-Key: %s\n' "$1"; } # as a file for curl: other users can read command lines
take() { curl -fsS -H @<(key "${OLD_KEY:-}") "$old$1"; }
give() { curl -fsS -o /dev/null -X "$1" -H @<(key "${NEW_KEY:-}") -H 'Content-Type: application/json' --data-binary @- "$new$2"; }
for server in "$old" "$new"; do # one that has just been started needs a moment
  curl -fsS -o /dev/null --retry 30 --retry-delay 1 --retry-connrefused "$server/ready" 2>/dev/null || { echo "$server is not ready" >&2; exit 1; }
done
last() { jq -r '.next_page_id // empty' <<<"$1"; }

size=${PAGE_SIZE:-100} page='' conversations=0 events=0
while :; do
  list=$(take "/api/conversations/search?limit=$size&sort_order=CREATED_AT&page_id=$page")
  for id in $(jq -r '.items[].id' <<<"$list"); do
    take "/api/conversations/$id?include_skills=true" | give POST /api/v1/webhooks/conversations
    at=''
    while :; do
      batch=$(take "/api/conversations/$id/events/search?limit=$size&page_id=$at")
      items=${batch#'{"items":'} items=${items%,'"next_page_id":'*} # as they are: jq would round large numbers
      give POST "/api/v1/webhooks/events/$id" <<<"$items"
      events=$((events + $(jq '.items | length' <<<"$batch")))
      at=$(last "$batch") && [ -n "$at" ] || break
    done
    # What a client has set, and no agent server pushes.
    take "/api/v1/app-conversations?ids=$id" |
      jq '.[0] | {public, selected_repository, selected_branch, git_provider} | with_entries(select(.value))' |
      give PATCH "/api/v1/app-conversations/$id"
    conversations=$((conversations + 1))
  done
  page=$(last "$list") && [ -n "$page" ] || break
done
echo "copied $conversations conversations and $events events"
refused=$(curl -fsS -H @<(key "${NEW_KEY:-}") "$new/api/v1/webhooks/refused/count")
[ "$refused" = 0 ] || echo "the new server could not store all of it: see $new/api/v1/webhooks/refused"
