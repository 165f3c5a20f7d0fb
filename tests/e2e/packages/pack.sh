# shellcheck shell=bash
# The libraries as others get them: packages in a folder, used by programs that know nothing else of this repository.
# shellcheck source=tests/e2e/packages/verbs
. "$e2e/packages/verbs"

package() { echo "$root/out/WireGuard.$1.$version.nupkg"; } # LIBRARY

# A program with the example of the library's README, and MAIN, from stdin. Nothing but the package comes from its folder; what
# it needs is where the build has it, and none of this gets there.
write_program() { # LIBRARY
  local packages
  packages=$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')
  mkdir "$work/$1"
  cat >"$work/$1/program.csproj" <<END
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <RestoreSources>$root/out</RestoreSources>
    <RestorePackagesPath>$work/nuget</RestorePackagesPath>
    <RestoreFallbackFolders>$packages</RestoreFallbackFolders>
    <UseAppHost>false</UseAppHost>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="WireGuard.$1" Version="[$version]" />
  </ItemGroup>
</Project>
END
  cp "$root/tests/WireGuard.$1.Tests/ReadmeExample.cs" "$work/$1/"
  cat >"$work/$1/Program.cs"
}

build_program() { # LIBRARY
  dotnet build "$work/$1" --nologo -v quiet -o "$work/built/$1" -p:UseSharedCompilation=false -nodeReuse:false >"$work/build" 2>&1 ||
    fail "$(cat "$work/build")"
  [ -d "$work/nuget/wireguard.${1,,}/$version" ] || fail "the package was not taken from its folder"
}

Package_of_the_protocol_carries_a_handshake_in_a_program_of_others() {
  write_program Protocol <<'END'
using System.Text;
using WireGuard.Protocol.Tests;

ReadmeExample.Run(1_000_000, (what, bytes) => Console.WriteLine($"{what}: {Encoding.UTF8.GetString(bytes)}"));
END
  build_program Protocol
  dotnet "$work/built/Protocol/program.dll" >"$work/said"
  grep -qxF 'B reads: from A to B' "$work/said" || fail "$(cat "$work/said")"
  grep -q '^A reads, .*: from B to A$' "$work/said" || fail "$(cat "$work/said")"
}

Package_of_attestation_verifies_a_real_document_in_a_program_of_others() {
  write_program Attestation <<'END'
using WireGuard.Attestation;
using WireGuard.Attestation.Tests;

byte[] bytes = File.ReadAllBytes(args[0]);
if (!AttestationDocument.TryRead(bytes, out AttestationDocument? real, out _))
    return 1;
ReadmeExample.Run(bytes, real.Nonce!.Value.ToArray(), real.Pcr(0).ToArray(), real.Timestamp, Console.WriteLine);
return 0;
END
  build_program Attestation
  dotnet "$work/built/Attestation/program.dll" "$root/tests/WireGuard.Attestation.Tests/Documents/real-1.bin" >"$work/said"
  grep -q '^i-020b6af9246d90e92-enc0183d09086c24190 runs it, ' "$work/said" || fail "$(cat "$work/said")"
}

Packages_of_the_libraries_have_their_documents_and_symbols() {
  local library packed
  for library in Protocol Attestation; do
    packed=$(unzip -Z1 "$(package $library)")
    for file in README.md LICENSE lib/net10.0/WireGuard.$library.dll lib/net10.0/WireGuard.$library.xml; do
      grep -qxF "$file" <<<"$packed" || fail "no $file in: $packed"
    done
    unzip -p "$(package $library)" WireGuard.$library.nuspec >"$work/nuspec"
    grep -qF '<license type="expression">MIT</license>' "$work/nuspec" || fail "$(cat "$work/nuspec")"
    grep -qF '<readme>README.md</readme>' "$work/nuspec" || fail "$(cat "$work/nuspec")"
    unzip -Z1 "$root/out/WireGuard.$library.$version.snupkg" | has -xF lib/net10.0/WireGuard.$library.pdb || fail "no symbols"
  done
}

Packages_of_the_libraries_have_the_same_bytes_when_built_again() {
  local library
  again pack "$work/again"
  for library in Protocol Attestation; do
    cmp "$(package $library)" "$work/again/WireGuard.$library.$version.nupkg"
    cmp "$root/out/WireGuard.$library.$version.snupkg" "$work/again/WireGuard.$library.$version.snupkg"
  done
}
