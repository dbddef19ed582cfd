# A newer package is installed while a job trains.

upgrade() {
    inside dpkg -i "/mnt/$(basename "$second_package")" >"$machine_work/dpkg" 2>&1
    check "the upgrade succeeds" "$?" 0
    wait_for "upgrade: the daemon is back" 30 is_active
}
survives upgraded "upgrade" upgrade
check "upgrade: the queue is the same one" "$(inside ls -d /$state/runs/1-plain)" "/$state/runs/1-plain"
check "upgrade: the version changed" "$(inside dpkg-query -W -f='${Version}' hone)" "$second_version"

stopped_upgrade() {
    inside systemctl stop honed
    inside dpkg -i "/mnt/$(basename "$first_package")" >"$machine_work/dpkg" 2>&1
    check "a daemon that was stopped stays stopped over an upgrade" "$(inside systemctl is-active honed)" inactive
    inside systemctl start honed
}
stopped_upgrade
