# shellcheck shell=bash
# Files of provisioning as `check` judges them, and the notes of it that a daemon keeps beside wg(8).

hash=3f1c52a19d0e4b7788c1f02e6a9d3b5c3f1c52a19d0e4b7788c1f02e6a9d3b5c3f1c52a19d0e4b7788c1f02e6a9d3b5c

Check_knows_the_two_files_of_an_image() {
  new_key host
  printf '%s\n' '[Interface]' 'PrivateKey = generate' 'ListenPort = 51820' 'Provision = nitro' \
    "ProvisionFrom = ${public[host]}" >"$work/enclave.conf"
  printf '%s\n' '[Interface]' "PrivateKey = $(cat "$work/host.key")" 'Address = 203.0.113.1/24' 'ListenPort = 51820' \
    '[Peer]' 'Attest = vsock:16:51821' "PCR0 = $hash" 'AllowedIPs = 203.0.113.2/32' >"$work/host.conf"
  chmod 600 "$work"/*.conf
  equal said "$work/enclave.conf: no mistakes"$'\n'"$work/host.conf: no mistakes" \
    "$("$daemon" check "$work/enclave.conf" "$work/host.conf")"
  for key in Provision ProvisionFrom ProvisionPort Attest PCR0..PCR31 AttestRoot AttestDebug AttestUnattested \
    OfferAddress OfferAllowedIPs OfferMTU OfferDNS; do
    "$daemon" help conf | has -F "$key = " || fail "help conf does not know $key"
  done
}

# Each row: where, the key, how the line goes on; then the line that is wrong, in a verifier's file that is right but for it.
Check_says_what_is_wrong_with_a_file_of_provisioning() {
  local place key words line said
  new_key host
  new_key other
  while IFS='|' read -r place key words line; do
    printf '%s\n' '[Interface]' "PrivateKey = $(cat "$work/host.key")" 'Address = 203.0.113.1/24' \
      '[Peer]' 'Attest = vsock:16:51821' 'AllowedIPs = 203.0.113.2/32' "PCR2 = $hash" "$line" >"$work/wg0.conf"
    chmod 600 "$work/wg0.conf"
    if said=$("$daemon" check "$work/wg0.conf"); then fail "no mistake: $line"; fi
    [[ $said == "$work/wg0.conf:$place: $key: $words"* && $said != *$'\n'* ]] || fail "$line: $said"
  done <<END
8:1|PublicKey|there is Attest on line 5, which learns it|PublicKey = ${public[other]}
8:1|Atest|no such key: did you mean Attest?|Atest = vsock:17:51821
8:1|PCR32|no such key: there are PCR0 to PCR31|PCR32 = $hash
8:8|PCR0|it is all zero, which is debug mode|PCR0 = $(printf '0%.0s' {1..96})
8:8|PCR8|'3f1c' is not 96 hexadecimal digits|PCR8 = 3f1c
8:16|OfferAddress|203.0.113.1 is this interface's own|OfferAddress = 203.0.113.1
8:14|AttestRoot|none.pem cannot be read: No such file or directory|AttestRoot = none.pem
8:12|OfferMTU|67 is less than 68|OfferMTU = 67
8:1|Provision|it belongs in [Interface]: move it there|Provision = nitro
END
}

# What was attested is not for wg(8), and no matter to it: it neither shows notes nor loses them.
Notes_of_provisioning_stand_beside_wg() {
  two_files tcp
  ours host up wg0
  equal errno 0 "$(errno_of host "set=1\nprovision=unattested\nprovision_port=51821\nawaited=vsock:17:51821 no answer yet\n\
public_key=$(public_hex enclave)\nattest=vsock:16:51821\nattested_at=$(date +%s)\nattested_module=i-0abc-enc0def\nattested_pcr=0:$hash\n\n")"
  notes_are_shown
  at host wg showconf wg0 >"$work/saved.conf"
  at host wg syncconf wg0 "$work/saved.conf"
  at host wg setconf wg0 "$work/saved.conf"
  notes_are_shown
  if at host wg show wg0 | grep -E 'attest|provision|awaited|pcr'; then fail "wg shows notes"; fi
  # The same key given anew is another peer, of which nothing is known.
  at host wg set wg0 peer "${public[enclave]}" remove
  at host wg set wg0 peer "${public[enclave]}" allowed-ips 203.0.113.2/32
  if ours host show --long wg0 | grep -E 'attested: |pcr0'; then fail "a peer that was added anew has a note"; fi
}

notes_are_shown() {
  local line
  ours host show wg0 >"$work/shown"
  ours host show --long wg0 >"$work/shown-long"
  for line in '  provision: unattested, port 51821: nothing proves what runs here' '  awaited: vsock:17:51821: no answer yet' \
    '  attested: .*module i-0abc-enc0def, vsock:16:51821'; do
    grep -qx "$line" "$work/shown" || fail "show does not say '$line': $(cat "$work/shown")"
    grep -qx "$line" "$work/shown-long" || fail "show --long does not say '$line': $(cat "$work/shown-long")"
  done
  grep -qx "  pcr0: $hash" "$work/shown-long" || fail "no measurement: $(cat "$work/shown-long")"
  ours host show --json wg0 | tr -d '\t\n' >"$work/shown-json"
  for line in '"provision": "unattested","provisionPort": 51821,' \
    '"awaited": [{"address": "vsock:17:51821","reason": "no answer yet"}]' \
    '"attestation": {"address": "vsock:16:51821","attested": true,' '"module": "i-0abc-enc0def",' "\"pcrs\": {\"0\": \"$hash\"}"; do
    grep -qF "$line" "$work/shown-json" || fail "show --json does not say '$line': $(cat "$work/shown-json")"
  done
}
