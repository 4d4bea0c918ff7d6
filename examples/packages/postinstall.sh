#!/bin/sh
# After files are laid: the user and the state folder. Nothing is started or enabled, as there is no token yet; a bridge
# that runs already begins anew with the new program.
set -e

if command -v systemd-sysusers >/dev/null 2>&1; then
    systemd-sysusers gitlab-metrics-bridge.conf
fi
if command -v systemd-tmpfiles >/dev/null 2>&1; then
    systemd-tmpfiles --create gitlab-metrics-bridge.conf
fi
# Without a running systemd, as in a container, there is nobody to tell.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl try-restart gitlab-metrics-bridge.service || true
fi
