#!/usr/bin/env bash
# Speaks one sentence; usage: speak.sh [TEXT] [VOICE] [EMOTION]
set -euo pipefail
text=${1:-The river is cold.} voice=${2:-heart} emotion=${3:-sad}
# Python writes the JSON, so that quotes in the text do no harm.
body=$(python3 -c 'import json, sys; print(json.dumps(dict(zip(("input", "voice", "emotion"), sys.argv[1:])) |
  {"response_format": "wav", "seed": 7}))' "$text" "$voice" "$emotion")
curl --fail-with-body --silent --show-error --dump-header speech.headers --output speech.wav \
  -H "Authorization: Bearer $SOVITS_KEY" -H "Content-Type: application/json" \
  -d "$body" "${SOVITS_URL:-http://127.0.0.1:8000}/v1/audio/speech"
grep -i -E '^x-(seed|model|audio-seconds|flags|mark|audit-id):' speech.headers
