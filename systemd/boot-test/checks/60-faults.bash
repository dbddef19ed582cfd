# Daemon and worker die or hang in the middle of a job.

restarts() { service NRestarts; }
worker_pid() { inside pgrep -o hone-worker; }

kill_daemon() {
    local before
    before=$(restarts)
    inside kill -KILL "$(main_pid)"
    wait_for "kill -9 of the daemon: systemd starts it again" 60 daemon_is_back "$before"
}
daemon_is_back() { is_active && [ "$(restarts)" -gt "$1" ]; }
survives killed "kill -9 of the daemon" kill_daemon

kill_worker() { inside kill -KILL "$(worker_pid)"; }
survives worker-killed "kill -9 of the worker" kill_worker
terminate_worker() { inside kill -TERM "$(worker_pid)"; }
survives worker-stopped "SIGTERM to the worker" terminate_worker

# A stopped daemon feeds no watchdog; ten seconds instead of sixty.
hang_daemon() {
    local before
    inside sh -c 'mkdir -p /run/systemd/system/honed.service.d
        printf "[Service]\nWatchdogSec=10\n" >/run/systemd/system/honed.service.d/test.conf
        systemctl daemon-reload; systemctl restart honed'
    wait_for "watchdog: the job goes on first" 60 job_is hung running
    before=$(restarts)
    inside kill -STOP "$(main_pid)"
    wait_for "watchdog: a daemon that hangs is replaced" 60 daemon_is_back "$before"
    check_match "watchdog: systemd says why" "$(inside sh -c 'journalctl --sync; journalctl -q -o cat -u honed')" 'Watchdog timeout'
    inside sh -c 'rm -r /run/systemd/system/honed.service.d; systemctl daemon-reload'
}
survives hung "watchdog" hang_daemon
wait_for "an idle daemon feeds its watchdog" 10 is_active

# Somebody leaves workers behind: the lock keeps a second one away.
leave_worker_behind() {
    inside sh -c 'mkdir -p /run/systemd/system/honed.service.d
        printf "[Service]\nKillMode=process\n" >/run/systemd/system/honed.service.d/test.conf
        systemctl daemon-reload'
    kill_daemon
    check "KillMode=process: never two workers" "$(inside pgrep -c hone-worker | grep -c '^[01]$')" 1
    inside sh -c 'rm -r /run/systemd/system/honed.service.d; systemctl daemon-reload'
}
survives orphaned "KillMode=process" leave_worker_behind
closing_check "after the faults"
inside systemctl start honed
