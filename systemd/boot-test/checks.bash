# Counting of checks, and waiting. Sourced by the boot tests.

checks_done=0
checks_wrong=0

# check WHAT FOUND EXPECTED
check() {
    checks_done=$((checks_done + 1))
    if [ "$2" == "$3" ]; then
        echo "ok    $1"
    else
        checks_wrong=$((checks_wrong + 1))
        printf 'WRONG %s\n        found    %s\n        expected %s\n' "$1" "${2:-(nothing)}" "${3:-(nothing)}"
    fi
}

# check_match WHAT FOUND PATTERN: an extended regular expression somewhere in what was found.
check_match() {
    checks_done=$((checks_done + 1))
    if grep -qE -- "$3" <<<"$2"; then
        echo "ok    $1"
    else
        checks_wrong=$((checks_wrong + 1))
        printf 'WRONG %s\n        found    %s\n        expected %s\n' "$1" "${2:-(nothing)}" "something like $3"
    fi
}

# wait_for WHAT SECONDS COMMAND...: a check that the command succeeds in time.
wait_for() {
    local what=$1 end=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            check "$what" "not in time" "in time"
            return 1
        fi
        sleep 0.2
    done
    check "$what" yes yes
}

# The rest would only repeat what is wrong already.
give_up() {
    echo "GIVING UP: $1"
    exit 1
}
