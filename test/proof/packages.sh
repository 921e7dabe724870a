# What test/proof/packages.ts has a booted Debian do, as root. Each answer is a file in /root/answers.
answer() { name=$1; shift; "$@" > "/root/answers/$name" 2>&1 || echo "exit $?" >> "/root/answers/$name"; }
settled() { timeout 60 sh -c "until $1; do sleep 0.2; done"; }
agent() { systemctl show runnel.service -p "$1" --value; }
lines() { runnel spool cat runnel.logs | grep -c proof-; }
mkdir /root/answers
export DEBIAN_FRONTEND=noninteractive

# Installed as the page says: it runs at once, and apt comes back when its listeners are bound.
apt-get install -y /root/old.deb
answer bound grep -c ' 0100007F:1FBD ' /proc/net/udp
answer ready runnel status --json
answer account stat -c '%U:%G %a' /var/lib/runnel /etc/runnel/runnel.yaml "/proc/$(agent MainPID)"
answer unit systemctl show runnel.service -p Type,ActiveState,UnitFileState,NRestarts,StatusText
answer exposure systemd-analyze security --no-pager runnel.service
# A log that only root may read.
install -m 600 /dev/null /var/log/proof.log

# A secret of which only root and systemd know.
install -m 600 /dev/null /root/secret
echo s3cret > /root/secret
mkdir -p /etc/systemd/system/runnel.service.d
printf '[Service]\nLoadCredential=proof:/root/secret\n' > /etc/systemd/system/runnel.service.d/credential.conf
echo 'tags: {secret: "${file:/run/credentials/runnel.service/proof}"}' >> /etc/runnel/runnel.yaml
systemctl daemon-reload

# The socket is systemd's from here on.
answer refusing systemctl enable --now runnel.socket
systemctl stop runnel
systemctl start runnel.socket runnel
answer socket runnel status --json

# Lines and counters come all the time, while it is restarted, reloaded, upgraded.
/root/node /root/traffic.mjs /var/log/proof.log /root/stop > /root/answers/sent &
traffic=$!
sleep 2
logger -t proof in-the-journal
systemctl restart runnel
systemctl reload runnel
answer reloaded systemctl show runnel.service -p ActiveState,NRestarts
cp /etc/runnel/runnel.yaml /root/right.yaml
echo 'nonsense: 1' >> /etc/runnel/runnel.yaml
answer refused systemctl reload runnel
answer refused-state systemctl show runnel.service -p ActiveState,NRestarts
cp /root/right.yaml /etc/runnel/runnel.yaml
echo 'host: kept' >> /etc/runnel/runnel.yaml
apt-get install -y /root/new.deb
answer upgraded runnel status --json
answer kept tail -n 1 /etc/runnel/runnel.yaml
systemctl restart runnel
sleep 2
touch /root/stop
wait $traffic
sent=$(sed -n 's/^lines //p' /root/answers/sent)
settled "[ \"\$(runnel spool cat runnel.logs | grep -c proof-)\" -ge $sent ]"
# What it holds of the last window, too.
systemctl restart runnel
answer lines runnel spool cat runnel.logs
answer counters runnel spool cat runnel.metrics

# Every check has run, in the sandbox of the unit.
sleep 11
answer checks runnel status --json

# An older version that could not read what is there: refused, and the one that is there goes on.
answer downgrade apt-get install -y --allow-downgrades /root/old.deb
answer downgrade-state systemctl show runnel.service -p ActiveState
answer downgrade-version dpkg-query -W '-f${Version} ${Status}' runnel

# An event loop that hangs.
cp /root/hang.conf /etc/systemd/system/runnel.service.d/
systemctl daemon-reload
systemctl restart runnel
hung=$(agent MainPID)
kill -USR2 "$hung"
sleep 1
echo proof-hung >> /var/log/proof.log
settled '[ "$(systemctl show runnel.service -p NRestarts --value)" = 1 ]'
settled 'runnel spool cat runnel.logs | grep -q proof-hung'
answer hung journalctl --no-pager -u runnel -n 40
answer hung-state systemctl show runnel.service -p ActiveState,NRestarts

# A process that answers nothing at start is not ready: its address is somebody else's.
systemctl stop runnel runnel.socket
rm /etc/systemd/system/runnel.service.d/hang.conf
systemctl daemon-reload
echo 'statsd: {listen: [udp://127.0.0.1:8126]}' >> /etc/runnel/runnel.yaml
/root/node -e 'require("dgram").createSocket("udp4").bind(8126, "127.0.0.1"); setTimeout(() => {}, 60000)' &
holder=$!
settled "grep -q ' 0100007F:1FBE ' /proc/net/udp"
answer taken systemctl start runnel
kill $holder
systemctl stop runnel
cp /root/right.yaml /etc/runnel/runnel.yaml
systemctl reset-failed runnel
systemctl start runnel

apt-get purge -y runnel
answer left ls -d /etc/runnel /var/lib/runnel /usr/lib/runnel /usr/bin/runnel /etc/systemd/system/multi-user.target.wants/runnel.service /etc/systemd/system/sockets.target.wants/runnel.socket
answer gone systemctl is-active runnel.service
