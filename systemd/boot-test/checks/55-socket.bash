# The daemon's socket under the hardened unit: who may open it, who may change what.

check "the socket is for the group" "$(inside stat -c '%F %a %U %G' /run/hone/hone.sock)" "socket 660 hone hone"
check "a member may look" "$(as ada hone ls --json 2>&1 | head -c 1)" "["
check "somebody else may not open it" "$(as eve sh -c 'hone cancel 1; echo $?' 2>&1 | tail -n 1)" 4
check "a member may not drain" "$(as ada sh -c 'hone drain; echo $?' 2>&1 | tail -n 1)" 5
check_match "root may" "$(inside hone drain 2>&1)" "draining"
check_match "and again start jobs" "$(inside hone undrain 2>&1)" "jobs are started"
wait_for "metrics for a collector" 20 inside test -s $state/metrics/hone.prom
check "readable by others" "$(inside stat -c %a $state/metrics/hone.prom)" 644
check "the daemon ended no connection with a refused system call" \
    "$(inside sh -c 'journalctl --sync; journalctl -q -o cat -u honed' | grep -c 'nobody answers')" 0
