# Where an installation of hone puts what. Sourced by scripts/install and scripts/uninstall.

# choose_places FOR_USER PREFIX: FOR_USER is empty for the machine; an empty PREFIX takes the usual one.
choose_places() {
    if [ -n "$1" ]; then choose_places_of_user "$2"; else choose_places_of_machine "$2"; fi
    bin=$prefix/bin
    libexec=$prefix/libexec/hone
    data=$prefix/share
    man=$prefix/share/man
    list=$prefix/share/hone/installed
}

choose_places_of_machine() {
    prefix=${1:-/usr/local}
    configuration=/etc/hone
    spool=/var/spool/hone/jobs
    state=/var/lib/hone
    cache=/var/cache/hone
    user_root=''
    case $prefix in
        # The places where systemd looks for itself.
        /usr | /usr/local) units=$prefix/lib/systemd declarations=$prefix/lib catalog=$prefix/lib/systemd/catalog ;;
        /*) units=/etc/systemd declarations=/etc catalog=/usr/local/lib/systemd/catalog ;;
        *) echo "the prefix has to be an absolute path, found $prefix" >&2; exit 2 ;;
    esac
}

choose_places_of_user() {
    prefix=${1:-$HOME/.local}
    user_root=${XDG_DATA_HOME:-$HOME/.local/share}/hone
    configuration=$user_root
    units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd
}
