# A member of the group drops a file and gets a model; a file that is no job comes back with the reason.

drop plain
wait_for "a dropped job is accepted" 20 test -e "$machine_work/disk/$spool/accepted/1-plain.yaml"
wait_for "it runs" 60 job_is plain running
check_match "systemctl status says what runs" "$(service StatusText)" '^1 running \(1 pretrain'
check "the worker runs as hone, in the unit" \
    "$(inside sh -c 'for p in $(cat /sys/fs/cgroup/hone.slice/honed.service/cgroup.procs /sys/fs/cgroup/hone.slice/honed.service/*/cgroup.procs 2>/dev/null); do cat /proc/$p/comm; done' | grep -c hone-worker)" 1
wait_for "it succeeds" 120 job_is plain succeeded || { show_trouble plain; give_up "no job runs"; }
plain_model=$(sha256sum <"$(run_directory plain)/artifacts/model.safetensors")
check "the group reads the result" "$(as ada sh -c "ls /$state/runs/1-plain/artifacts" | grep -cx model.safetensors)" 1
check "the group cannot hold the job's lock" "$(as ada flock -n /$state/runs/1-plain/run.lock true 2>&1 | grep -c 'Permission denied')" 1

specification submitted 5 >"$machine_work/shared/submitted.yaml"
as ada sh -c "umask 077; hone submit /mnt/submitted.yaml" >/dev/null 2>&1
check "hone submit takes it to the daemon" "$?" 0
dropped_count=$((dropped_count + 1))
wait_for "and the daemon can read it" 60 job_is submitted succeeded

printf 'name: broken\nmethod: pretrain\ntrain: {stepz: 3}\n' >"$machine_work/shared/broken.yaml"
as ada cp /mnt/broken.yaml /$spool/broken.yaml
wait_for "a file that is no job is rejected" 20 test -e "$machine_work/disk/$spool/rejected/broken.yaml.error.txt"
check_match "with the place and a hint" "$(as ada cat /$spool/rejected/broken.yaml.error.txt)" 'broken.yaml:3:9: error: train.stepz: .*steps'

as eve cp /mnt/broken.yaml /$spool/eve.yaml 2>/dev/null
check "an outsider cannot drop" "$?" 1
as ada sh -c "cp /mnt/plain.yaml /$spool/.mine" && inside sh -c 'useradd -m bob && usermod -aG hone bob'
check "a member cannot remove another's file" "$(as bob rm -f /$spool/.mine 2>&1 | grep -c 'not permitted')" 1
check "nor replace accepted" "$(as bob mv /$spool/accepted /$spool/x 2>&1 | grep -c 'not permitted')" 1
as ada rm /$spool/.mine
