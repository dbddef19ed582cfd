# systemctl: stop, start, restart, reload with a good and with a bad configuration.

stop_and_start() {
    local begun=$SECONDS
    inside systemctl stop honed
    check "stop succeeds" "$?" 0
    check "stop waits only for a checkpoint" "$((SECONDS - begun < 30))" 1
    check "stop is clean" "$(service ActiveState) $(service Result)" "inactive success"
    check "no worker is left" "$(inside pgrep -c hone-worker)" 0
    check "the runtime directory is gone" "$(inside ls /run/hone 2>&1 | grep -c 'No such file')" 1
    inside systemctl start honed
    check "start succeeds" "$?" 0
}
survives stopped "stop and start" stop_and_start
check "stop and start: counted as an interruption" "$(fields_of stopped $attempt_interrupted HONE_CLASS | head -n 1)" checkpointed
survives restarted "restart" inside systemctl restart honed

good_reload() {
    local before
    before=$(main_pid)
    inside sh -c 'echo "reserve_cores: 0" >/etc/hone/conf.d/10-test.yaml; systemctl reload honed'
    check "reload succeeds" "$?" 0
    check_match "it says so" "$(inside sh -c 'journalctl --sync; journalctl -q -o cat MESSAGE_ID=e9975e384d5641e3b5a8e6e36f121afa')" 'configuration'
    inside sh -c 'echo "reserve_coresz: 0" >/etc/hone/conf.d/20-bad.yaml; systemctl reload honed 2>/dev/null'
    check "reload with a bad configuration fails" "$?" 1
    check_match "and says where it is bad" "$(inside sh -c 'journalctl --sync; journalctl -q -o cat -u honed')" '20-bad.yaml:1:1: error: reserve_coresz: unknown key'
    check "the daemon has not noticed" "$(main_pid) $(service ActiveState)" "$before active"
    inside sh -c 'kill -HUP '"$before"'; sleep 1; journalctl --sync'
    check "a bare SIGHUP with a bad configuration changes nothing" \
        "$(inside journalctl -q -o cat MESSAGE_ID=ab97fe3254d546d6a560fa7f679594da | wc -l) $(main_pid) $(service ActiveState)" "1 $before active"
    inside systemctl restart honed 2>/dev/null
    check "a start with a bad configuration fails" "$?" 1
    sleep 3
    check "and is not tried again" "$(service ActiveState) $(service NRestarts)" "failed 0"
    inside sh -c 'rm /etc/hone/conf.d/*; systemctl reset-failed honed; systemctl start honed'
    check "until it is mended" "$?" 0
}
survives reloaded "reload" good_reload
