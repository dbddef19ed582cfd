# Removal takes the programs and leaves the work; a new installation finds it; purging takes it too.

inside dpkg -r hone >"$machine_work/dpkg" 2>&1
check "the package can be removed" "$?" 0
check "the programs are gone" "$(inside sh -c 'ls /usr/bin/hone /usr/bin/honed /usr/libexec/hone /lib/systemd/system/honed.service 2>/dev/null')" ""
check "the service is gone" "$(inside systemctl is-active honed)" inactive
check "results stay" "$(inside ls /$state/runs/1-plain/artifacts | grep -cx model.safetensors)" 1
check "the configuration stays" "$(inside ls /etc/hone/hone.yaml)" /etc/hone/hone.yaml
inside dpkg -i "/mnt/$(basename "$second_package")" >"$machine_work/dpkg" 2>&1
wait_for "installed again, it starts" 30 is_active
survives again "installed again" inside systemctl restart honed
check "installed again, it has the old queue" "$(run_directory again | sed 's/.*\///')" "$dropped_count-again"
closing_check "at the end"
inside dpkg -P hone >"$machine_work/dpkg" 2>&1
check "the package can be purged" "$?" 0
check "nothing is left of it" "$(inside sh -c 'ls -d /var/lib/hone /var/spool/hone /var/cache/hone /etc/hone /run/hone 2>/dev/null; systemctl list-units --all --no-legend --plain "hone*"')" ""
