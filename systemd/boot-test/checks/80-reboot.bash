# The machine goes down in the middle of a job: in order, and without a warning.

reboot_in_order() { machine_reboot; wait_for "reboot: the service comes up by itself" 60 is_active; }
survives rebooted "reboot" reboot_in_order

lose_power() { machine_power_cut; wait_for "power cut: the service comes up by itself" 60 is_active; }
survives cut-off "power cut" lose_power
check_match "recovery is in the journal, explained" "$(inside journalctl -q -x MESSAGE_ID=413e03ebba2a4aa38637a3220ab4de9d)" 'hone ls'
closing_check "after the reboots"
inside systemctl start honed
