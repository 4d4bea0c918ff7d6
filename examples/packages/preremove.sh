#!/bin/sh
# Before files go. deb says remove or upgrade, rpm says how many versions will be left: an upgrade goes on running.
set -e

case "$1" in
remove | 0)
    if [ -d /run/systemd/system ]; then
        systemctl disable --now gitlab-metrics-bridge.service || true
    fi
    ;;
esac
