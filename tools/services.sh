#!/usr/bin/env bash
# Installs the servers that tests talk to (Debian, Ubuntu): PostgreSQL. Running it again changes
# nothing. Where it cannot install it says so and ends with status 0: the tests name what they skip,
# and with DATAWATCH_REQUIRE_SERVICES=1 they fail.
set -uo pipefail

have_postgres() {
  command -v postgres >/dev/null 2>&1 || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null
}

missing=()
have_postgres || missing+=(postgresql)

if [ ${#missing[@]} -eq 0 ]; then
  echo "PostgreSQL is here."
  exit 0
fi
how="Tests that need ${missing[*]} are skipped; install it (Debian: apt-get install ${missing[*]})."
if ! command -v apt-get >/dev/null 2>&1; then
  echo "No apt-get here. $how"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "Only root can install packages. $how"
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
# The tests start private servers of their own; a cluster that runs on the standard port is no use.
mkdir -p /etc/postgresql-common
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
fi
apt-get update -q </dev/null
if ! apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null; then
  echo "The installation failed. $how"
fi
exit 0
