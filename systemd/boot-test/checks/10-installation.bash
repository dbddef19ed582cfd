# The package installs on a bare Debian, and everything has its place and its mode.

inside dpkg -i "/mnt/$(basename "$first_package")" >"$machine_work/dpkg" 2>&1
check "the package installs" "$?" 0
check "and says nothing unusual" "$(grep -iE 'error|fail|warn' "$machine_work/dpkg")" ""
wait_for "the service is started" 30 is_active || { cat "$machine_work/dpkg"; inside journalctl -q -n 30 -u honed; give_up "there is no daemon"; }
check "and enabled" "$(inside systemctl is-enabled honed)" enabled
check "no unit of the machine failed" "$(inside systemctl --failed --no-legend --plain)" ""

mode() { inside stat -c '%a %U:%G' "$1"; }
check "mode of the drop directory" "$(mode /$spool)" "3770 hone:hone"
check "mode of accepted" "$(mode /$spool/accepted)" "2750 hone:hone"
check "mode of the state" "$(mode /$state)" "751 hone:hone"
check "mode of the database's directory" "$(mode /$state/db)" "700 hone:hone"
check "mode of the results" "$(mode /$state/runs)" "2750 hone:hone"
check "mode of the metrics" "$(mode /$state/metrics)" "755 hone:hone"
check "mode of the runtime directory" "$(mode /run/hone)" "750 hone:hone"
check "the programs bring their own Swift" "$(inside ldd /usr/bin/hone /usr/bin/honed /usr/libexec/hone/hone-worker | grep -c 'not found')" 0
check "hone has a manual" "$(inside test -s /usr/share/man/man1/hone.1.gz && echo yes)" yes
check "bash reads the completions" "$(inside bash -n /usr/share/bash-completion/completions/hone && echo yes)" yes

# Every setting of hone.yaml is commented; without the "#" it has to be what the daemon takes, and all that it takes.
sed -E 's/^#( *[a-z_]+:.*)/\1/' systemd/hone.yaml >"$machine_work/shared/all.yaml"
check "hone.yaml as installed is right" "$(inside honed check-config 2>&1)" ""
inside mkdir -p /root/all
inside cp /mnt/all.yaml /root/all/hone.yaml
check "hone.yaml with every setting is right" "$(inside honed check-config --root /root/all 2>&1)" ""
check "and every setting that has no default by then comes from it" \
    "$(inside honed check-config --show --root /root/all | grep -v '# /root/all/hone.yaml$')" ""
check "and it leaves none out" \
    "$(inside honed check-config --show --root /root/all | sed -E 's/:.*//; s/^queues\.[a-z]+\.//' | sort -u | paste -sd' ')" \
    "$(sed -nE 's/^#? *#? ?([a-z_]+):.*/\1/p' "$machine_work/shared/all.yaml" | grep -vxE 'queues|default|night|limits' | sort -u |
        sed -E 's/^(queued_per_user|time_limit|log_bytes)$/limits.\1/' | sort -u | paste -sd' ')"

# Two people: ada may submit, eve is nobody. The data of the jobs.
inside sh -c 'useradd -m ada && usermod -aG hone ada && useradd -m eve'
make_text >"$machine_work/shared/text.txt"
as ada sh -c "umask 027; mkdir /$state/datasets/boot-test && cp /mnt/text.txt /$state/datasets/boot-test/"
check "a member brings data" "$?" 0
