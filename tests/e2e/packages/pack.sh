# shellcheck shell=bash
# The library as others get it: a package in a folder, used by a program that knows nothing else of this repository.
# shellcheck source=tests/e2e/packages/verbs
. "$e2e/packages/verbs"

package() { echo "$root/out/WireGuard.Protocol.$version.nupkg"; }

# Nothing but the package comes from its folder; what it needs is where the build has it, and none of this gets there.
write_program() {
  local packages
  packages=$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')
  mkdir "$work/program"
  cat >"$work/program/program.csproj" <<END
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
    <PackageReference Include="WireGuard.Protocol" Version="[$version]" />
  </ItemGroup>
</Project>
END
  # The example of its README: a handshake, and a packet each way.
  cp "$root/tests/WireGuard.Protocol.Tests/ReadmeExample.cs" "$work/program/"
  cat >"$work/program/Program.cs" <<'END'
using System.Text;
using WireGuard.Protocol.Tests;

ReadmeExample.Run(1_000_000, (what, bytes) => Console.WriteLine($"{what}: {Encoding.UTF8.GetString(bytes)}"));
END
}

Package_of_the_library_carries_a_handshake_in_a_program_of_others() {
  write_program
  dotnet build "$work/program" --nologo -v quiet -o "$work/built" -p:UseSharedCompilation=false -nodeReuse:false >"$work/build" 2>&1 ||
    fail "$(cat "$work/build")"
  [ -d "$work/nuget/wireguard.protocol/$version" ] || fail "the package was not taken from its folder"
  dotnet "$work/built/program.dll" >"$work/said"
  grep -qxF 'B reads: from A to B' "$work/said" || fail "$(cat "$work/said")"
  grep -q '^A reads, .*: from B to A$' "$work/said" || fail "$(cat "$work/said")"
}

Package_of_the_library_has_its_documents_and_symbols() {
  local packed
  packed=$(unzip -Z1 "$(package)")
  for file in README.md LICENSE lib/net10.0/WireGuard.Protocol.dll lib/net10.0/WireGuard.Protocol.xml; do
    grep -qxF "$file" <<<"$packed" || fail "no $file in: $packed"
  done
  unzip -p "$(package)" WireGuard.Protocol.nuspec >"$work/nuspec"
  grep -qF '<license type="expression">MIT</license>' "$work/nuspec" || fail "$(cat "$work/nuspec")"
  grep -qF '<readme>README.md</readme>' "$work/nuspec" || fail "$(cat "$work/nuspec")"
  unzip -Z1 "${root}/out/WireGuard.Protocol.$version.snupkg" | grep -qxF lib/net10.0/WireGuard.Protocol.pdb || fail "no symbols"
}

Package_of_the_library_has_the_same_bytes_when_built_again() {
  again pack "$work/again"
  cmp "$(package)" "$work"/again/*.nupkg
  cmp "${root}/out/WireGuard.Protocol.$version.snupkg" "$work"/again/*.snupkg
}
