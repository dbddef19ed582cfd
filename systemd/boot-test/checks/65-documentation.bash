# What README, OPERATIONS and the manual tell people to type, and what the catalog tells them to type next.

# Every journalctl line of the documents, for job 1 instead of 42 and without waiting for more.
documented_lines() {
    cat README.md docs/OPERATIONS.md docs/man/honed.8 2>/dev/null | sed -nE 's/^(sudo )?(journalctl [^#`|]*[^#`| ]) *(#.*|   .*)?$/\2/p' |
        sed -E 's/ {3,}.*//; s/HONE_JOB_ID=[0-9]+/HONE_JOB_ID=1/; s/HONE_JOB_NAME=[a-z-]+/HONE_JOB_NAME=plain/; s/ -f( |$)/ -n 5\1/; s/-xeu/-xu/' | sort -u
}
inside journalctl --sync
while IFS= read -r line; do
    found=$(inside sh -c "$line --quiet" 2>&1)
    check "$line" "$? $([ -n "$found" ] && echo lines)" "0 lines"
done < <(documented_lines)
check "there are such lines" "$(($(documented_lines | wc -l) >= 6))" 1

for verb in $(sed -nE 's/^    hone ([a-z]+( [a-z]+)?).*/\1/p' systemd/catalog/hone.catalog | sed 's/ .*//' | sort -u); do
    check "the catalog's hone $verb exists" "$(inside hone "$verb" --help 2>&1 | grep -c '^USAGE: hone '"$verb")" 1
done

# The manual knows every command and every key there is.
commands_of() { inside "$1" --help | sed -nE 's/^  ([a-z][a-z-]+)( \(default\))?( .*|$)/\1/p' | grep -vx help; }
for program in hone honed; do
    page=$(echo docs/man/$program.[18])
    for command in $(commands_of $program); do
        check "$page has $command" "$(sed 's/\\-/-/g' "$page" | grep -cE "^(\.B|\\\\fB$program) ?$command|^$command\$" | grep -vx 0 | wc -l)" 1
    done
done
missing='' page=$(sed -E 's/\\f[BIR]/ /g' docs/man/hone-job.5)
for method in $(inside hone methods | sed -nE '2,/^$/s/^([a-z][a-z-]+) .*/\1/p'); do
    for key in $(inside hone methods "$method" | sed -nE '2,$s/^([a-z][a-z0-9_.]+) .*/\1/p'); do
        case $method:$key in gmsa-*:objective.*.*) continue ;; esac          # the page sends people to `hone methods` for these
        grep -qw -- "${key##*.}" <<<"$page" || missing+=" $key"
    done
done
check "hone-job.5 has every key" "$missing" ""
