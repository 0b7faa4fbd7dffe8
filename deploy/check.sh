#!/usr/bin/env bash
# Build the image, start it as docs/deploy.md says (no root, root file system read-only, no capabilities), and ask it.
#     deploy/check.sh
# ENGINE is `docker` unless it is set (`ENGINE=podman deploy/check.sh`); BUILD_FLAGS and RUN_FLAGS are added to its
# commands, and PORT is taken on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
read -ra engine <<<"${ENGINE:-docker}"
read -ra build_flags <<<"${BUILD_FLAGS:-}"
read -ra run_flags <<<"${RUN_FLAGS:-}"
port=${PORT:-8000} image=presente:check name=presente-check-$$ data=presente-check-data-$$
key=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
run=(run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --ulimit core=0 --volume "$data:/data"
    "${run_flags[@]}")

clean_up() {
    "${engine[@]}" rm --force "$name" >/dev/null 2>&1 || true
    "${engine[@]}" volume rm --force "$data" >/dev/null 2>&1 || true
}
trap clean_up EXIT
ask() { curl --silent --show-error --fail --header "X-API-Key: $key" "$@"; }

# BUILT=1 takes the image that is there.
[ -n "${BUILT:-}" ] || "${engine[@]}" build "${build_flags[@]}" --file deploy/Dockerfile --tag "$image" .
"${engine[@]}" "${run[@]}" --rm "$image" index add sample
"${engine[@]}" "${run[@]}" --detach --name "$name" --publish "127.0.0.1:$port:$port" --env "PRESENTE_PORT=$port" \
    --env "PRESENTE_API_KEYS=admin:$key" "$image" >/dev/null

for _ in $(seq 120); do
    curl --silent --fail --output /dev/null "http://127.0.0.1:$port/readyz" && break
    sleep 0.5
done
ask "http://127.0.0.1:$port/livez" && echo
ask "http://127.0.0.1:$port/readyz" && echo
right=0 asked=0
for photo in data_sample/probes/*/*.jpg; do
    matricula=$(basename "$(dirname "$photo")") asked=$((asked + 1))
    ask --data-binary "@$photo" --header "Content-Type: image/jpeg" "http://127.0.0.1:$port/v1/identify" |
        grep --quiet "\"decision\":\"known\",\"nombre\":\"[^\"]*\",\"matricula\":\"$matricula\"" && right=$((right + 1))
done
echo "identified: $right of $asked"
[ "$right" = "$asked" ]
user=$("${engine[@]}" exec "$name" id -u)
echo "user: $user" && [ "$user" = 10001 ]
if "${engine[@]}" exec "$name" touch /usr/written 2>/dev/null; then
    echo "the root file system can be written" && exit 1
fi
"${engine[@]}" stop --time 60 "$name" >/dev/null
code=$("${engine[@]}" inspect --format '{{.State.ExitCode}}' "$name")
echo "exit code after a stop: $code" && [ "$code" = 0 ]
