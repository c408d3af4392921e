#!/bin/sh
# run.sh DIR: one server, and for each line "name|handshakes|readings|arguments of netem" of
# DIR/scenarios a device that talks to it over a loopback so impaired. What its command wrote
# and its exit code stand in DIR/NAME.COMMAND.out, .err and .exit.
set -eu
cd "$1"
limit=120 # s for one command: a hang ends here, and the next one has its turn

# keep NAME COMMAND...: runs a command and keeps what it says. Its failure is for the test to judge.
keep() {
	name=$1 status=0
	shift
	timeout -k 5 "$limit" "$@" >"$name.out" 2>"$name.err" </dev/null || status=$?
	echo "$status" >"$name.exit"
}

ip link set lo up
./pqcoap-server run -dir server -listen 127.0.0.1:5688 >server.out 2>server.err </dev/null &
server=$!
waited=0
until grep -q '^listening on' server.out; do
	kill -0 "$server"
	waited=$((waited + 1))
	test "$waited" -le 100
	sleep 0.1
done

while IFS='|' read -r scenario handshakes readings netem; do
	# Each has fresh counters. The arguments are words on purpose.
	tc qdisc add dev lo root netem $netem
	keep "$scenario.ping" ./pqcoap-node ping -c "$scenario.toml" -fresh -n "$handshakes" -json
	keep "$scenario.run" ./pqcoap-node run -c "$scenario.toml" -interval 50ms -count "$readings"
	keep "$scenario.get" ./pqcoap-node get -c "$scenario.toml" -json '/telemetry?last=100'
	keep "$scenario.tc" tc -s qdisc show dev lo
	tc qdisc del dev lo root
done <scenarios

kill -TERM "$server"
status=0
wait "$server" || status=$?
echo "$status" >server.exit
