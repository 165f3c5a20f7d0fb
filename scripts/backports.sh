# shellcheck shell=bash
# Packages of Debian's backports without touching the system: a source list and package lists of their own, beside the machine's.
# Sourced by what unpacks some of them in a folder of out/.
backports_release=bookworm-backports

# Runs apt-get or apt-cache on these lists.
backports() { # CACHE PROGRAM WORD...
  "$2" -o Dir::Etc::SourceList="$1/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$1/lists" -o Dir::Cache="$1/apt" \
    -o APT::Sandbox::User=root "${@:3}"
}

# Fetches the lists from where this machine gets Debian: the first entry that serves the release's main packages.
open_backports() { # CACHE
  local uri options='' keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  command -v apt-get >/dev/null || return 1
  uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$3 == "main" && $2 ~ /^[a-z]+$/ && !found++ {print $1}')
  [ -n "$uri" ] || return 1
  [ ! -e "$keyring" ] || options="[signed-by=$keyring] "
  mkdir -p "$1/lists/partial" "$1/apt/archives/partial"
  echo "deb $options$uri $backports_release main" >"$1/sources.list"
  backports "$1" apt-get -qq update
}

# What is downloaded stays; the lists are as large and soon old.
close_backports() { rm -rf "$1/lists" "$1/apt"; } # CACHE
