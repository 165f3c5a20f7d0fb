#!/bin/bash
# Writes anew which packages are restored, with the hash of each: packages.lock.json of every project, and packs.lock for the packs of
# .NET's runtime, which NuGet's lock files leave out. To be run, and what it wrote committed, when a package or project is added or a version changes.
set -euo pipefail
cd "$(dirname "$0")/.."
dotnet restore WireGuardVsock.slnx -p:RestoreLockedMode=false --force-evaluate --verbosity quiet
packages=$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')
version=$(sed -n 's|.*<LinkedRuntimeVersion>\(.*\)</LinkedRuntimeVersion>.*|\1|p' Directory.Packages.props)
for runtime in linux-arm64 linux-x64; do
  pack=Microsoft.NETCore.App.Runtime.NativeAOT.$runtime
  hash=$(sed -n 's/.*"contentHash": "\(.*\)".*/\1/p' "$packages/${pack,,}/$version/.nupkg.metadata")
  echo "$pack $version ${hash:?}"
done >packs.lock.new
mv packs.lock.new packs.lock
git status --short -- '*packages.lock.json' packs.lock
