#!/bin/bash
# scripts/sbom.sh FILE: what $BINARY is made of, and what it loads, as CycloneDX's tool writes it, in FILE. make calls it, and says
# BINARY, RUNTIME, VERSION and SOURCE_DATE_EPOCH. The same build gives the same bytes: no serial number, and the commit's time.
set -euo pipefail
cd "$(dirname "$0")/.."
file=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/wireguard-sbom.XXXXXX")
trap 'rm -rf "$work"' EXIT
export LC_ALL=C

{
  dotnet tool restore
  dotnet restore src/WireGuard.Vsock
  dotnet tool run dotnet-CycloneDX src/WireGuard.Vsock/WireGuard.Vsock.csproj --disable-package-restore --recursive \
    --no-serial-number --output-format Json --spec-version 1.7 --set-name wireguard-vsock --set-version "$VERSION" \
    --output "$work" --filename packages.json
} >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

# The pack of the runtime is downloaded and not referenced, so the tool does not know it.
pack=Microsoft.NETCore.App.Runtime.NativeAOT.$RUNTIME
linked=$(sed -n 's|.*<LinkedRuntimeVersion>\(.*\)</LinkedRuntimeVersion>.*|\1|p' Directory.Packages.props)
packages=$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')
hash=$(base64 -d "$packages/${pack,,}/$linked/${pack,,}.$linked.nupkg.sha512" | od -An -v -tx1 | tr -d ' \n')
# What the dynamic linker loads, and what the program opens by name.
libraries=$(readelf -d "$BINARY" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
glibc=$(readelf -V "$BINARY" | sed -n 's/.* Name: GLIBC_\([0-9.]*\).*/\1/p' | sort -V | tail -n 1)

jq --arg time "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" --arg binary "$(sha256sum <"$BINARY" | cut -d ' ' -f 1)" \
  --arg pack "$pack" --arg version "$linked" --arg hash "$hash" --arg libraries "$libraries" --arg glibc "$glibc" --arg runtime "$RUNTIME" '
  def loaded($name; $from): {type: "library", "bom-ref": $name, name: $name, isExternal: true, versionRange: $from, scope: "required"};
  (["pkg:nuget/\($pack)@\($version)"] + ($libraries / "\n") + ["libcrypto.so.3"]) as $more
  | .metadata.component["bom-ref"] as $root
  | .metadata.timestamp = $time
  | .metadata.component += {
      hashes: [{alg: "SHA-256", content: $binary}], licenses: [{license: {id: "MIT"}}], properties: [{name: "runtime", value: $runtime}]
    }
  | .components += [
      {
        type: "library", "bom-ref": $more[0], authors: [{name: "Microsoft"}], name: $pack, version: $version, scope: "required",
        description: "The runtime and the class libraries of .NET, compiled into the program",
        hashes: [{alg: "SHA-512", content: $hash}], licenses: [{license: {id: "MIT"}}], purl: $more[0]
      },
      ($libraries / "\n" | .[] | loaded(.; "vers:generic/>=\($glibc)")),
      loaded("libcrypto.so.3"; "vers:generic/>=3.0.0|<4.0.0")
    ]
  | .dependencies |= (map(if .ref == $root then .dependsOn += $more else . end) + ($more | map({ref: ., dependsOn: []})))
' "$work/packages.json" >"$file"
