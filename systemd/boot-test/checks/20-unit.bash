# The unit as systemd sees it, and what it lets the daemon do.

# The manual pages are installed, but the machine has no `man` to show them.
check "systemd finds nothing wrong with the units" \
    "$(inside systemd-analyze verify --man=no /lib/systemd/system/honed.service /lib/systemd/system/hone.slice 2>&1)" ""
check "nor with that for one person" \
    "$(inside env XDG_RUNTIME_DIR=/run/user/0 sh -c 'mkdir -p /run/user/0; systemd-analyze --user verify --man=no /usr/lib/systemd/user/honed.service' 2>&1)" ""
exposure=$(inside systemd-analyze security --no-pager honed.service | sed -nE 's/.*Overall exposure level[^:]*: ([0-9.]+).*/\1/p')
check "exposure $exposure is 1.5 or better" "$(awk -v found="${exposure:-10}" 'BEGIN { print found <= 1.5 }')" 1

check "it notifies" "$(service Type) $(service NotifyAccess)" "notify main"
check "it runs as hone" "$(inside ps -o user= -p "$(main_pid)" 2>/dev/null || inside stat -c %U "/proc/$(main_pid)")" hone
check "it is in its slice" "$(service ControlGroup)" /hone.slice/honed.service
check "it has no capabilities" "$(inside sed -n 's/^CapEff:\t//p' "/proc/$(main_pid)/status")" 0000000000000000
check "it has a network of its own, empty" \
    "$(inside nsenter -t "$(main_pid)" -n cat /proc/self/net/dev | grep -cE '^ *[a-z0-9]+: *[1-9]') $(
        inside sh -c "readlink /proc/1/ns/net /proc/$(main_pid)/ns/net" | sort -u | wc -l)" "0 2"
check "the system is read-only to it" "$(inside nsenter -t "$(main_pid)" -m sh -c 'touch /usr/x' 2>&1 | grep -c 'Read-only')" 1
check "homes are hidden from it" "$(inside nsenter -t "$(main_pid)" -m ls -A /home 2>&1)" ""
check "what is written to the state cannot be started" \
    "$(inside nsenter -t "$(main_pid)" -m sh -c 'cp /bin/true /var/lib/hone/x && /var/lib/hone/x; rm -f /var/lib/hone/x' 2>&1 | grep -c 'Permission denied')" 1
check "a member cannot see the database" "$(as ada ls /$state/db 2>&1 | grep -c 'Permission denied')" 1
check "nobody else can see the jobs" "$(as eve ls /$spool 2>&1 | grep -c 'Permission denied')" 1
check "nobody else can see results" "$(as eve ls /$state/runs 2>&1 | grep -c 'Permission denied')" 1
