#!/bin/sh
# certbot's deploy hook: gives HAProxy a new certificate with its key, and TLS with the first one (docs/deploy.md).
set -eu
umask 077
cat "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem" >/etc/haproxy/presente.pem.new
mv /etc/haproxy/presente.pem.new /etc/haproxy/presente.pem
if grep -q '^CERTIFICATE=' /etc/default/haproxy; then
    systemctl reload haproxy
else
    echo 'CERTIFICATE=/etc/haproxy/presente.pem' >>/etc/default/haproxy
    systemctl restart haproxy
fi
