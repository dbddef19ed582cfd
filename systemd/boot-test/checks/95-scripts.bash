# scripts/install and scripts/uninstall, for the machine and for one person. Runs after the package is gone.

checkout=$machine_work/shared/checkout
mkdir -p "$checkout/docs" "$machine_work/shared/programs"
cp -r scripts systemd jobs "$checkout/"
cp -r docs/man "$checkout/docs/"
cp "$binaries"/honed "$binaries"/hone "$binaries"/hone-worker "$machine_work/shared/programs/"
files() { inside find /usr /etc /home -xdev -not -path '*/__pycache__*' -type f | grep -vE '^/etc/(passwd|group|shadow|gshadow|subuid|subgid|\.pwd\.lock|.*-$)' | sort; }

files >"$machine_work/before"
inside /mnt/checkout/scripts/install --binaries /mnt/programs >"$machine_work/install" 2>&1
check "scripts/install works" "$?" 0
check_match "and says what to type next" "$(cat "$machine_work/install")" 'systemctl enable --now honed'
check "systemd finds nothing wrong with it" "$(inside systemd-analyze verify --man=no /usr/local/lib/systemd/system/honed.service 2>&1)" ""
inside systemctl enable --now honed 2>/dev/null
check "and starts it" "$(inside systemctl is-active honed)" active
check "from below the prefix" "$(inside readlink "/proc/$(main_pid)/exe")" /usr/local/bin/honed
echo 'reserve_cores: 0' >"$machine_work/disk/etc/hone/hone.yaml"
inside /mnt/checkout/scripts/install --binaries /mnt/programs >"$machine_work/install" 2>&1
check "installed again, the configuration is kept" "$(cat "$machine_work/disk/etc/hone/hone.yaml")" 'reserve_cores: 0'
inside /mnt/checkout/scripts/uninstall >/dev/null 2>&1
check "scripts/uninstall works" "$?" 0
check "and leaves the queue" "$(inside ls -d /$state/db)" "/$state/db"
check "and no file of its own but the configuration" "$(files | comm -13 "$machine_work/before" -)" /etc/hone/hone.yaml
inside /mnt/checkout/scripts/install --binaries /mnt/programs >/dev/null 2>&1
inside /mnt/checkout/scripts/uninstall --purge >/dev/null 2>&1
check "--purge takes everything" "$(files | comm -13 "$machine_work/before" -; inside sh -c 'ls -d /var/lib/hone /var/spool/hone /etc/hone 2>/dev/null')" ""

# One person's own systemd, without any help from root but starting it.
number=$(inside id -u ada)
inside sh -c 'mkdir -p /run/systemd/system/user@.service.d         # what pam_systemd does where it is installed
    printf "[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\n" >/run/systemd/system/user@.service.d/test.conf
    systemctl daemon-reload'
inside systemctl start "user@$number"
as_ada() { as ada env HOME=/home/ada XDG_RUNTIME_DIR="/run/user/$number" "$@"; }
check "scripts/install refuses without root" "$(as_ada /mnt/checkout/scripts/install --binaries /mnt/programs 2>&1 | grep -c 'needs root')" 1
as_ada /mnt/checkout/scripts/install --user --binaries /mnt/programs >"$machine_work/install" 2>&1
check "scripts/install --user works" "$?" 0
as_ada systemctl --user start honed
check "and the service starts" "$(as_ada systemctl --user is-active honed)" active
own=home/ada/.local/share/hone
as_ada sh -c "mkdir -p /$own/datasets/boot-test && cp /mnt/text.txt /$own/datasets/boot-test/"
specification own >"$machine_work/shared/own.yaml"
as_ada env HONE_ROOT="/$own" /home/ada/.local/bin/hone submit /mnt/own.yaml >"$machine_work/submit" 2>&1
check "hone submits to it" "$? $(cat "$machine_work/submit" | grep -ci error)" "0 0"
wait_for "it runs the job to success" 120 test -e "$machine_work/disk/$own/runs/1-own/result.json"
check "with the same result as the system's daemon" \
    "$(sha256sum <"$machine_work/disk/$own/runs/1-own/artifacts/model.safetensors" 2>&1)" "$plain_model"
as_ada systemctl --user stop honed
check "it stops in order" "$(as_ada systemctl --user show -P Result honed)" success
as_ada /mnt/checkout/scripts/uninstall --user --purge >/dev/null 2>&1
check "scripts/uninstall --user --purge leaves nothing" "$(files | comm -13 "$machine_work/before" - | grep -v '/\.cache/')" ""
