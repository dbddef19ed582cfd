# Jobs on the machine under test. Sourced by the boot tests, after machine.bash and checks.bash.

state=var/lib/hone
spool=var/spool/hone/jobs
dropped_count=0

# A text of a few thousand made-up sentences, the same every time.
make_text() {
    awk 'BEGIN {
        split("the a my our every one", which, " "); split("small old green quiet round new", kind, " ")
        split("fox river stone lamp garden bell boat tree", thing, " "); split("sees finds keeps follows paints leaves", act, " ")
        for (line = 0; line < 4000; line++) {
            text = ""
            for (part = 0; part < 2; part++) {
                seed = (seed * 1103515245 + 12345) % 2147483648; n = int(seed / 65536)
                text = text which[n % 6 + 1] " " kind[int(n / 6) % 6 + 1] " " thing[int(n / 36) % 8 + 1] (part ? ".\n" : " " act[int(n / 288) % 6 + 1] " ")
            }
            printf "%s%s", text, line % 5 == 4 ? "\n" : ""
        }
    }'
}

# specification NAME [STEPS]: all jobs of one number of steps compute the same thing.
specification() {
    cat <<END
name: $1
method: pretrain
resources: {cpus: 1}
dataset: {train: boot-test/text.txt}
objective:
  architecture: {hidden_size: 64, intermediate_size: 128, layers: 2, heads: 4, context: 64}
  tokenizer: {vocabulary_size: 512}
train: {steps: ${2:-$job_steps}, microbatch: 8, learning_rate: 1e-3, seed: 5}
checkpoint: {every_steps: 25}
retry: {max_failures: 5, backoff: 1s}
END
}
# Some ten seconds: what a check does to a running job has to find it running.
job_steps=${HONE_BOOT_TEST_STEPS:-2500}

as() { inside runuser -u "$1" -- "${@:2}"; }

# drop NAME [STEPS]: as a member of the group would: written beside, then renamed.
drop() {
    specification "$@" >"$machine_work/shared/$1.yaml"
    as ada sh -c "umask 027; cp /mnt/$1.yaml /$spool/.$1.new && mv /$spool/.$1.new /$spool/$1.yaml"
    dropped_count=$((dropped_count + 1))
}

# The directory of a job, seen from outside; nothing if there is none yet.
run_directory() {
    local directory
    for directory in "$machine_work/disk/$state/runs"/*-"$1"; do [ ! -d "$directory" ] || echo "$directory"; done
}

# in_status NAME KEY: a value of the job's status.json.
in_status() { sed -nE "s/.*\"$2\" ?: ?\"?([^\",}]*).*/\1/p" "$(run_directory "$1")/status.json" 2>/dev/null | head -n 1; }

job_is() { [ "$(in_status "$1" state)" = "$2" ]; }
job_passed() { [ "$(in_status "$1" step)" -ge "$2" ] 2>/dev/null; }

# fields_of NAME EVENT FIELD: of every such line in the journal, oldest first.
fields_of() {
    inside journalctl --sync
    inside journalctl -q -o json --output-fields="$3" HONE_JOB_NAME="$1" MESSAGE_ID="$2" | sed -nE "s/.*\"$3\":\"([^\"]*)\".*/\1/p"
}
attempt_started=2771989968dc4f33bd9b9a8dd9382ffa
attempt_interrupted=ff16d2582a994731a8049a76ee36cb98

# What a job computed, to the bit.
digest() { (cd "$(run_directory "$1")" && sha256sum artifacts/model.safetensors metrics.jsonl) 2>&1; }

# survives NAME HOW COMMAND...: the command strikes in the middle of a job, which has to end as if nothing had happened.
survives() {
    local name=$1 how=$2
    shift 2
    drop "$name"
    wait_for "$how: the job is at work" 60 job_passed "$name" 60 || return 0
    "$@"
    wait_for "$how: the job succeeds all the same" 120 job_is "$name" succeeded || { show_trouble "$name"; return 0; }
    check "$how: it went on from a checkpoint" "$(fields_of "$name" $attempt_started HONE_STEP | tail -n 1 | grep -c '^[1-9]')" 1
    check "$how: the result is the uninterrupted one" "$(digest "$name")" "$(digest plain)"
}

show_trouble() {
    { cat "$(run_directory "$1")/status.json"; tail -n 5 "$(run_directory "$1")"/log/*.log; inside journalctl -q -n 30 -u honed; } 2>&1 |
        sed 's/^/        | /'
}

main_pid() { inside systemctl show -P MainPID honed; }
service() { inside systemctl show -P "$1" honed; }
is_active() { [ "$(inside systemctl is-active honed)" = active ]; }

# With the daemon stopped: nothing lost, nothing done twice, nothing that the state machine forbids.
closing_check() {
    local when=$1
    inside systemctl stop honed
    check "$when: the database is whole" "$(query 'PRAGMA integrity_check')" ok
    check "$when: no job lost" "$(query "SELECT count(*) FROM jobs")" "$dropped_count"
    check "$when: no file became two jobs" \
        "$(query "SELECT count(*) FROM submissions WHERE outcome = 'accepted' GROUP BY job_id HAVING count(*) > 1")" ""
    check "$when: no job completed twice" \
        "$(query "SELECT job_id FROM attempts WHERE outcome = 'success' GROUP BY job_id HAVING count(*) > 1")" ""
    check "$when: no attempt began before the one before had ended" \
        "$(query "SELECT a.job_id FROM attempts a JOIN attempts b ON a.job_id = b.job_id AND b.n = a.n + 1 AND b.spawned_ms < a.ended_ms")" ""
    check "$when: no illegal transition" \
        "$(query "SELECT seq FROM events WHERE from_state <> to_state AND NOT EXISTS (SELECT 1 FROM transitions WHERE f = from_state AND t = to_state)")" ""
    check "$when: nothing is left in the drop directory" "$(inside find /$spool -maxdepth 1 -type f)" ""
}

query() { inside sqlite3 'file:/var/lib/hone/db/queue.db?immutable=1' "$1"; }
