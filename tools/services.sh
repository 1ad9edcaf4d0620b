#!/usr/bin/env bash
# Installs the servers that tests talk to (Debian, Ubuntu), without starting any of them: the tests
# start private ones. Running it again changes nothing. Where it cannot install it says so and ends
# with status 0: the tests name what they skip, and with DATAWATCH_REQUIRE_SERVICES=1 they fail.
set -uo pipefail

# One line a server: its package, and a program (or a pattern of paths) that shows that it is here.
servers=(
  "postgresql      postgres /usr/lib/postgresql/*/bin/postgres"
  "mariadb-server  mariadbd"
  "redis-server    redis-server"
  "prometheus      prometheus"
  "influxdb        influxd"
  "clickhouse-server clickhouse-server"
)

here() {
  local each
  for each in "$@"; do
    command -v "$each" >/dev/null 2>&1 || compgen -G "$each" >/dev/null && return 0
  done
  return 1
}

missing=()
set -f # patterns are for `here` to look for
for line in "${servers[@]}"; do
  read -r package programs <<<"$line"
  here $programs || missing+=("$package")
done
set +f

if [ ${#missing[@]} -eq 0 ]; then
  echo "All servers are here: $(printf '%s\n' "${servers[@]}" | cut -d' ' -f1 | paste -sd' ')."
  exit 0
fi
how="Tests that need ${missing[*]} are skipped; install with: apt-get install ${missing[*]}."
if ! command -v apt-get >/dev/null 2>&1; then
  echo "No apt-get here. $how"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "Only root can install packages. $how"
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
# A server on its standard port is no use here: Debian asks this script before it starts one, and
# makes a cluster of PostgreSQL unless told otherwise.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made_policy=yes
fi
mkdir -p /etc/postgresql-common
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
fi
apt-get update -q </dev/null
for package in "${missing[@]}"; do # one that cannot be had does not keep the others away
  apt-get install -q -y --no-install-recommends "$package" </dev/null ||
    echo "$package could not be installed. $how"
done
[ -n "$made_policy" ] && rm -f "$policy"
exit 0
