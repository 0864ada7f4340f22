#!/bin/sh
# The floor: what a switch cannot do without, in one script, nothing proven and nothing to go back to.
# Environment: DB, INGEST, BACKEND (containers), VOLUME, SNAPSHOT (what the load is to be called), PSQL, LIVE, NEW (the two servers).
set -eu
"$PSQL" -Xq -d "$LIVE" -c CHECKPOINT
"$PSQL" -Xq -d "$NEW" -c CHECKPOINT
docker stop "$BACKEND" > /dev/null
"$PSQL" -Xq -d "$LIVE" -c 'COPY file_download TO STDOUT' | "$PSQL" -Xq -d "$NEW" -c 'COPY file_download FROM STDIN'
docker stop "$DB" "$INGEST" > /dev/null
mv "$VOLUME/ingest" "$VOLUME/staging/$SNAPSHOT"
ln -s "staging/$SNAPSHOT" "$VOLUME/prod.new"
mv -T "$VOLUME/prod.new" "$VOLUME/prod"
docker start "$DB" > /dev/null
until "$PSQL" -Xqt -d "$LIVE" -c 'SELECT 1' > /dev/null 2>&1; do sleep 0.01; done
docker start "$BACKEND" > /dev/null
