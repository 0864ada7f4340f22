#!/bin/sh
# The runbook's order, scripted: stop all three, move the load, link it, start all three. The rows of the users are copied before, as
# nothing in that order has a place for them: what is written between the copy and the stop is lost. Environment: see raw.sh.
set -eu
"$PSQL" -Xq -d "$LIVE" -c 'COPY file_download TO STDOUT' | "$PSQL" -Xq -d "$NEW" -c 'COPY file_download FROM STDIN'
docker stop "$INGEST" "$DB" "$BACKEND" > /dev/null
mkdir -m 0700 "$VOLUME/staging/$SNAPSHOT"
chown --reference="$VOLUME/ingest" "$VOLUME/staging/$SNAPSHOT"
mv "$VOLUME"/ingest/* "$VOLUME/staging/$SNAPSHOT"
ln -sfn "staging/$SNAPSHOT" "$VOLUME/prod"
docker start "$INGEST" "$DB" "$BACKEND" > /dev/null
