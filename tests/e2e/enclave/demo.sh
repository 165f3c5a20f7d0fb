# shellcheck shell=sh
# demo.sh: shows at the host, step by step, how an enclave makes its key and is known by what it runs. Dash, with `set -e`.
# shellcheck source=tests/e2e/enclave/machine.sh
. /machine.sh
cd /demo || exit

step() { printf '\n%s\n' "$*"; }

run() { # COMMAND...
  echo "  host # $*"
  status=0
  "$@" >/tmp/ran 2>&1 || status=$?
  sed 's/^/  /' /tmp/ran
  return $status
}

step "This is not AWS Nitro. Two emulated machines stand for a host and its enclave, and a program on the host for the secure module:
it answers at the enclave's /dev/nsm, by the kernel's own driver, but nobody vouches for what it signs. Its root is in signer.pem."
start_module signer 0="$(cat pcr0)"
mv /signer.pem signer.pem
echo "  PCR0 of the enclave's image (here the SHA-384 of its initramfs):"
echo "  $(cat pcr0)"

step "enclave.conf, in the image: no key in it, so one image serves every enclave. It may be set up by this host's key alone"
sed 's/^/  /' enclave.conf

sed "s/@PCR0@/$(cat pcr0)/" host.conf.in >host.conf
step "host.conf: the enclave is known by what it runs"
sed 's/^PrivateKey = .*/PrivateKey = (hidden)/; s/^/  /' host.conf

step "The enclave boots: process 1 is wireguard-vsock up enclave.conf -- /test serve"
start_enclave attested signer
# It listens for its verifiers a little later.
left=60
while [ $left -gt 0 ]; do
  left=$((left - 1))
  if wireguard-vsock attest vsock:6:51821 --root signer.pem --pcr0 "$(cat pcr0)" >/tmp/attested 2>&1; then break; fi
  sleep 1
done

step "By hand: is it what it should be, and what is its key?"
run wireguard-vsock attest vsock:6:51821 --root signer.pem --pcr0 "$(cat pcr0)"

step "Up: the host attests it, learns its key, and gives it its address"
run wireguard-vsock up --wait=60 host.conf
run ping -c 3 -i 0.2 203.0.113.2
run wireguard-vsock show host --long
step "What the enclave has said on its console so far"
tr -d '\r' </console.raw | sed 's/^/  /'

step "The enclave ends, and boots anew with another key. The host is told nothing"
key=$(wireguard-vsock show host peers)
end_enclave
start_enclave attested signer
answers 203.0.113.2 300
run ping -c 3 -i 0.2 203.0.113.2
echo "  key before: $key"
echo "  key now:    $(wireguard-vsock show host peers)"
[ "$(wireguard-vsock show host peers)" != "$key" ]
wireguard-vsock down host

step "Another image would have another PCR0. One that is not the pinned one is refused"
other=$(printf '%096d' 1)
echo "  host # wireguard-vsock attest vsock:6:51821 --root signer.pem --pcr0 $other"
if wireguard-vsock attest vsock:6:51821 --root signer.pem --pcr0 "$other" >/tmp/refused 2>&1; then exit 1; fi
sed 's/^/  /' /tmp/refused
sed "s/@PCR0@/$other/" host.conf.in >host.conf
run wireguard-vsock up host.conf
sleep 3
run wireguard-vsock show host
[ -z "$(wireguard-vsock show host peers)" ]
wireguard-vsock down host
end_enclave

step "The demo worked"
