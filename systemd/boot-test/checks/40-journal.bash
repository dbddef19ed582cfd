# What people type after the first job, each line as the manual has it.

inside journalctl --sync
job_accepted=f57f4b9dc55a4027bce6de45ec782011
job_succeeded=48a5ed8354214852bfff135e20f7bf74
journal() { inside journalctl -q "$@"; }

check_match "journalctl -u honed" "$(journal -u honed -o cat)" 'ready'
check "HONE_JOB_ID= finds the lines of one job" "$(journal -u honed HONE_JOB_ID=1 -o cat | grep -c 'job 2')" 0
check_match "and they tell its story" "$(journal -u honed HONE_JOB_ID=1 -o cat | paste -sd' ')" 'job 1 .*runs.*succeeded'
check "HONE_JOB_NAME= as well" "$(journal HONE_JOB_NAME=plain MESSAGE_ID=$job_succeeded -o cat | wc -l)" 1
check "events have their MESSAGE_ID" "$(journal -u honed MESSAGE_ID=$job_accepted HONE_JOB_ID=1 -o cat | wc -l)" 1
check "and their name" "$(journal -u honed HONE_EVENT="job accepted" HONE_JOB_ID=1 -o cat | wc -l)" 1
check_match "journalctl -x explains and says what to type next" "$(journal -x HONE_JOB_ID=1)" 'hone show 1'
check_match "and names the job in its subject" "$(journal -x HONE_JOB_ID=1)" 'Subject: Job 1 \(plain\) succeeded'
check "changes of state are notices" "$(journal MESSAGE_ID=$job_succeeded HONE_JOB_ID=1 -o json --output-fields=PRIORITY | grep -o '"PRIORITY":"[0-9]"')" '"PRIORITY":"5"'
check "no line of an ordinary job is a warning" "$(journal -u honed HONE_JOB_ID=1 -p warning -o cat)" ""
check_match "a rejected file is a warning" "$(journal -u honed -p warning -o cat)" 'broken.yaml'
line=$(journal -u honed -o json --output-fields=MESSAGE,HONE_JOB_ID,HONE_STEP HONE_JOB_ID=1 MESSAGE_ID=$job_succeeded)
check_match "-o json has the fields for programs" "$line" '"HONE_STEP":"[0-9]+"'
check_match "the identifier is stable" "$(journal -t honed -n 1 -o cat)" .
check "the daemon's lines belong to its unit" "$(journal -o json --output-fields=_SYSTEMD_UNIT HONE_JOB_ID=1 -n 1 | grep -o 'honed.service')" honed.service
check "no word about thread priorities, which are none of its business" "$(journal -u honed -o cat | grep -c 'thread priority')" 0
