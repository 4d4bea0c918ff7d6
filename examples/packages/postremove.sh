#!/bin/sh
# After files are gone. The state stays, and the token: only deb's purge asks for an end of both.
set -e

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
if [ "$1" = purge ]; then
    rm -rf /var/lib/gitlab-metrics-bridge
    rm -f /etc/gitlab-metrics-bridge/token
    rmdir /etc/gitlab-metrics-bridge 2>/dev/null || true
fi
