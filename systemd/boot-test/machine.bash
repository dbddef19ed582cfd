# A machine to test on: a Debian tree that boots its own systemd, in namespaces, on a disk that survives its reboots.
# Sourced by the boot tests. Root, nspawn and overlayfs are needed; `machine_obstacle` says what is missing.
#
#   machine_create TREE      a new machine; TREE itself is never written to
#   machine_boot             up, and waits until its systemd has settled
#   inside COMMAND...        runs a command as root in it
#   machine_reboot           in order, as `systemctl reboot` does
#   machine_power_cut        everything dies at once; the disk keeps what reached the file system
#   machine_destroy          ends it and removes what it wrote
#
# Ends only processes it started, each by its number.

machine_work=''        # directory of this machine: disk/, console, ...
machine_launcher=''    # the process of systemd-nspawn
machine_init=''        # number 1 of the machine, as seen from here
machine_groups=()      # control groups made for it
machine_boots=0

machine_note() { echo "      $*" >&2; }

# What stands in the way of booting anything here, or nothing.
machine_obstacle() {
    local tool
    if [ "$(id -u)" != 0 ]; then echo "needs root"; return; fi
    for tool in systemd-nspawn nsenter setsid; do
        if ! command -v "$tool" >/dev/null; then echo "needs $tool (packages systemd-container, util-linux)"; return; fi
    done
    if ! grep -qw overlay /proc/filesystems && ! modprobe -q overlay 2>/dev/null; then echo "the kernel has no overlayfs"; return; fi
    if ! grep -qw cgroup2 /proc/filesystems; then echo "the kernel has no cgroup v2"; return; fi
    if ! unshare --mount --pid --fork true 2>/dev/null; then echo "namespaces cannot be made here"; fi
}

machine_create() {
    local tree=$1
    machine_work=$(mktemp -d "${TMPDIR:-/var/tmp}/hone-machine.XXXXXX")
    mkdir "$machine_work"/{written,scratch,disk,shared}
    : >"$machine_work/console"
    mount -t overlay hone-machine \
        -o "lowerdir=$tree,upperdir=$machine_work/written,workdir=$machine_work/scratch" "$machine_work/disk"
}

machine_boot() {
    machine_boots=$((machine_boots + 1))
    machine_own_groups
    (
        for group in "${machine_groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
        export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
        # --keep-unit: leave the control group to us, and end at a reboot instead of booting again unseen.
        exec setsid systemd-nspawn --quiet --register=no --keep-unit --directory="$machine_work/disk" \
            --bind="$machine_work/shared:/mnt" --link-journal=no --boot
    ) </dev/null >>"$machine_work/console" 2>&1 &
    machine_launcher=$!
    machine_wait 'machine_find_init' 30 || return 1
    machine_wait 'machine_is_settled' 60
}

# Two machines in one control group would end each other's services; where no systemd gives us one, we make our own.
machine_own_groups() {
    local top group
    machine_groups=()
    for top in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        group=$top/hone-machine.$$.$machine_boots
        if [ -f "$top/cgroup.procs" ] && mkdir "$group" 2>/dev/null; then machine_groups+=("$group"); fi
    done
}

# The process below the launcher that is number 1 in a namespace of its own.
machine_find_init() {
    local pid
    for pid in $(machine_descendants "$machine_launcher"); do
        [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == */systemd ]] || continue
        [[ $(sed -n 's/^NSpid:.*\t//p' "/proc/$pid/status" 2>/dev/null) == 1 ]] || continue
        machine_init=$pid
        return 0
    done
    return 1
}

machine_descendants() {
    local child
    for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do
        echo "$child"
        machine_descendants "$child"
    done
}

machine_is_settled() {
    case $(inside systemctl is-system-running 2>/dev/null) in running | degraded) return 0 ;; *) return 1 ;; esac
}

inside() {
    nsenter -t "$machine_init" -m -u -i -n -p -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root \
        SYSTEMD_PAGER=cat SYSTEMD_COLORS=0 NO_COLOR=1 "$@"
}

# Waits until the condition holds; fails with the console's last lines when the seconds are over or the machine is gone.
machine_wait() {
    local condition=$1 end=$((SECONDS + $2))
    until eval "$condition"; do
        if ! kill -0 "$machine_launcher" 2>/dev/null || [ "$SECONDS" -ge "$end" ]; then
            machine_note "the machine did not come up ($condition); its console ends with:"
            tail -n 30 "$machine_work/console" >&2
            return 1
        fi
        sleep 0.2
    done
}

machine_reboot() {
    inside systemctl reboot --no-block
    machine_await_end 90
    machine_boot
}

machine_power_cut() {
    kill -KILL "$machine_init"
    machine_await_end 20
    machine_boot
}

# The launcher ends when its machine has; what is left after that many seconds is killed.
machine_await_end() {
    local end=$((SECONDS + $1)) pid
    while kill -0 "$machine_launcher" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; do sleep 0.2; done
    if kill -0 "$machine_launcher" 2>/dev/null; then
        machine_note "killing the machine after $1 s"
        for pid in "$machine_init" $(machine_descendants "$machine_launcher") "$machine_launcher"; do
            kill -KILL "$pid" 2>/dev/null || true
        done
    fi
    wait "$machine_launcher" 2>/dev/null || true
    machine_launcher='' machine_init=''
    local group
    for group in "${machine_groups[@]}"; do find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true; done
}

machine_destroy() {
    [ -n "$machine_work" ] || return 0
    if [ -n "$machine_launcher" ]; then
        # Signal 4 above SIGRTMIN tells systemd to power off.
        kill -s RTMIN+4 "$machine_init" 2>/dev/null || true
        machine_await_end 30
    fi
    umount "$machine_work/disk" || machine_note "$machine_work/disk is still in use"
    rm -rf --one-file-system -- "$machine_work"
    machine_work=''
}
