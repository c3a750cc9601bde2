#!/bin/sh
echo "tool with $# arguments: $*"
echo "to the other stream" >&2
pwd
[ "$1" = fail ] && exit 3
exit 0
