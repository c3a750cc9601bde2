#!/bin/sh
# A module of the oldest kind: its arguments are name=value.
. "$1"
echo "[before the result]"
echo "{\"changed\": true, \"msg\": \"$greeting $name\"}"
