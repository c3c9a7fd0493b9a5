#!/bin/sh
# The agent of the demo: a program that lives on and asks whenever it is told to, one line of arguments at a time.
# $STILLVAULT is the command; values go to standard output, as any script would pipe them on.
while read -r arguments; do
  $STILLVAULT $arguments
  echo "exit $?"
done
