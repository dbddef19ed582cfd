# The queue's database is lost in the middle of a job, and comes back from the files. What the doctor says, and where jobs run.

controllers=" $(inside cat /sys/fs/cgroup/hone.slice/honed.service/cgroup.controllers 2>/dev/null) "
lines=$(inside sh -c 'journalctl --sync; journalctl -q -o cat -u honed' | grep 'control groups:')
case $controllers in
    *" cpuset "*" memory "*) check_match "jobs get control groups of their own" "$lines" 'jobs run in groups below' ;;
    *) check_match "without controllers the daemon says what is missing" "$lines" 'control groups: .*(lacks|not mounted|not handed)' ;;
esac

inside hone backup >/dev/null 2>&1
check "hone backup beside a running daemon" "$?" 0
check "the copy is the daemon's own" "$(inside sh -c "stat -c %U /$state/db/backup/*" | sort -u)" hone

lose_queue() {
    inside systemctl stop honed
    inside sh -c "rm -f /$state/db/queue.db*"
    inside systemctl start honed 2>/dev/null
    wait_for "a lost queue: no empty one instead" 20 exited_with 78
    check "a lost queue: hone recover" "$(inside hone recover >/dev/null 2>&1; echo $?)" 0
    check "a lost queue: the new one is the daemon's own" "$(inside stat -c %U /$state/db/queue.db)" hone
    inside systemctl reset-failed honed
    inside systemctl start honed
    wait_for "a lost queue: the service runs again" 30 is_active
}
exited_with() { [ "$(service ExecMainStatus)" = "$1" ]; }
survives lost-queue "a lost queue" lose_queue
check "the doctor finds nothing to mend" "$(inside hone doctor | grep -c '^fail')" 0
closing_check "after the lost queue"
inside systemctl start honed
