# make             builds out/wireguard-vsock: Native AOT, stripped, one file; and its man pages
# make install     to $(DESTDIR)$(PREFIX): bin, share/man, lib/systemd/system and the completion for bash
# make deb, rpm, image, pack   packages, a container image and the libraries' packages, in out/: docs/packages.md
#                  RUNTIME=linux-arm64 cross-builds, CPU=x86-64-v3 asks for more of the processor; both in a folder of out/ of their own
# make doors       out/wireguard-vsock-doors: for tests, which have it try what its sandbox forbids, and record its nonces
# make sbom        out/wireguard-vsock.cdx.json: what the program is made of and loads
# make release     all that is published of it, with sums and what it was built with, in out/release: docs/packages.md
# make verify      builds a release again and compares: VERSION=0.6.0 (or a commit) FILE=published.deb (or SUMS=SHA256SUMS)
# make demo        a tunnel between two network namespaces of this machine
# make demo-attested  an emulated enclave makes its key, and its host knows it by what it runs; the secure module is not Nitro's
# make test        everything; or one of: test-unit test-e2e test-vsock test-vm test-enclave test-packages test-fuzz test-interleavings
#                  test-reproducible test-chaos
# make chaos       shakes tunnels that carry checked traffic, and looks what comes of it: SECONDS=180 SEED=n; docs/reliability.md
# make soak        a long steady load, with rekeys, for docs/reliability.md: SECONDS=3600
# make flood       how much of what cannot authenticate is survived, for docs/reliability.md: SECONDS=4, a step
# make interleavings  has threads come in each other's way where they share something: SECONDS=60 SEED=n
# make bench       measures the tunnel beside the limit probe and wireguard-go, for docs/performance.md: ROUNDS=5 SECONDS=4;
#                  with ROWS= or MEASURES= (bench/rows.sh, bench/measures.sh) it only prints what it found;
#                  BASE=FILE compares with another build of wireguard-vsock, and fails if this one is slower
# make bench-vsock the same over AF_VSOCK, inside an emulated guest
# make bench-scale what ten thousand peers cost, for docs/performance.md: PEERS=10000
# make bench-startup  how long a tunnel takes to come up, beside wg-quick with wireguard-go, for docs/performance.md
# make bench-profile  where the processor time goes: ROWS=ours-udp, SECONDS=4
# make bench-micro the protocol's pieces one by one, with BenchmarkDotNet: FILTER='*Aead*'
# make lint        formatting, lines of more than 130 columns in C#, shellcheck, and pipes whose reader leaves early
# make lock        writes anew which packages are restored, for who adds one: packages.lock.json of every project, and packs.lock
# make setup       installs the Debian packages that building, demo and tests need
# make clean

PREFIX ?= /usr/local
DESTDIR ?=
# Tests to run, of those that a target names: make test-e2e PATTERN=faults
PATTERN ?=
# Who stands in a package as the one who made it, and where it is put.
MAINTAINER ?= the wireguard-vsock authors <maintainers@wireguard-vsock.example.org>
PACKAGES ?= $(OUT)
# What make bench measures, and how long.
ROUNDS ?= 5
SECONDS ?= 4
ROWS ?=
MEASURES ?=
BASE ?=
FILTER ?= *
SEED ?=
# What make verify compares with.
FILE ?=
SUMS ?=
PEERS ?= 10000

# What it is built for: this machine's kind, or linux-x64 or linux-arm64; and, of x86-64, which processors: baseline if not said.
HERE := linux-$(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x64)
RUNTIME ?= $(HERE)
CPU ?=

RUNTIMES := linux-x64 linux-arm64
CPUS := x86-64-v2 x86-64-v3 x86-64-v4 native
$(if $(filter-out 1,$(words $(RUNTIME)))$(filter-out $(RUNTIMES),$(RUNTIME)),$(error RUNTIME=$(RUNTIME) is none of: $(RUNTIMES)))
$(if $(filter-out $(CPUS),$(CPU))$(word 2,$(CPU)),$(error CPU=$(CPU) is none of: $(CPUS)))
$(if $(CPU),$(if $(filter linux-x64,$(RUNTIME)),,$(error CPU=$(CPU) is a kind of x86-64, and RUNTIME is $(RUNTIME))))
$(if $(filter linux-x64.linux-arm64 linux-arm64.linux-arm64 linux-x64.linux-x64,$(HERE).$(RUNTIME)),,$(error RUNTIME=$(RUNTIME) is built on x86-64 only))

# A build that is not for any machine of this kind has folders of its own.
VARIANT := $(filter-out $(HERE),$(RUNTIME))$(CPU)
OUT := out$(if $(VARIANT),/$(VARIANT))
BINARY := $(OUT)/wireguard-vsock
SBOM := $(OUT)/wireguard-vsock.cdx.json
MAN_PAGES := $(OUT)/man/wireguard-vsock.8 $(OUT)/man/wireguard-vsock.conf.5
VERSION := $(shell sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' Directory.Build.props)
PUBLISH := -c Release -r $(RUNTIME) $(if $(CPU),-p:IlcInstructionSet=$(CPU))
# Another kind of machine: the cross linker, the libraries it loads, and what runs its programs here.
ifneq ($(RUNTIME),$(HERE))
PUBLISH += -p:ObjCopyName=aarch64-linux-gnu-objcopy
SYSROOT := out/sysroot-arm64
RUN := qemu-aarch64-static -L $(SYSROOT)
endif
SOURCES := $(shell find src -name obj -prune -o -name bin -prune -o -type f -print) Directory.Build.props Directory.Build.targets Directory.Packages.props packs.lock global.json
NSM := out/WireGuard.Nsm
LIMIT_PROBE := out/limit-probe/wireguard-vsock-limit-probe
DOORS := out/wireguard-vsock-doors

# The times of files in packages: the commit's.
ifndef SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH := $(or $(shell git log -1 --format=%ct 2>/dev/null),$(shell stat -c %Y CHANGELOG.md))
endif
export SOURCE_DATE_EPOCH
PACKING := BINARY=$(BINARY) MAN=$(OUT)/man SBOM=$(SBOM) OUT=$(PACKAGES) VERSION=$(VERSION) RUNTIME=$(RUNTIME) MAINTAINER='$(MAINTAINER)'
BUILT := VERSION=$(VERSION) RUNTIME=$(RUNTIME) MAINTAINER='$(MAINTAINER)'

# No compiler or build server stays behind when a command is done.
export MSBUILDDISABLENODEREUSE := 1
export UseSharedCompilation := false
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1
export DOTNET_CLI_UI_LANGUAGE := en

.PHONY: always all setup install doors demo demo-attested test test-unit test-e2e test-vsock test-vm test-enclave test-packages test-fuzz test-interleavings interleavings fuzz fuzz-replay fuzz-corpora deb rpm image pack chaos soak flood test-chaos bench bench-vsock bench-scale bench-startup bench-profile bench-micro lint lock clean test-reproducible sbom release buildinfo verify

all: $(BINARY) $(MAN_PAGES)

$(BINARY): $(SOURCES)
	scripts/setup.sh build $(if $(SYSROOT),arm64)
	dotnet publish src/WireGuard.Vsock $(PUBLISH) $(if $(VARIANT),--artifacts-path $(OUT)/build) -o $(OUT)/publish
	cp $(OUT)/publish/wireguard-vsock $@.new
	mv $@.new $@

# The known answers of others, for processors on which no test runner runs.
$(OUT)/WireGuard.Vectors: $(SOURCES) $(wildcard tests/Vectors/*) $(SYSROOT)
	dotnet publish tests/Vectors $(PUBLISH) --artifacts-path $(OUT)/build -o $(OUT)/vectors
	cp $(OUT)/vectors/WireGuard.Vectors $@.new
	mv $@.new $@

# A secure module for emulated guests, with a signer of its own.
$(NSM): $(wildcard tests/Nsm/* tests/Signer/*) Directory.Build.props Directory.Build.targets Directory.Packages.props packs.lock global.json
	scripts/setup.sh build
	dotnet publish tests/Nsm -c Release -r $(HERE) --artifacts-path out/nsm -o out/nsm/publish
	cp out/nsm/publish/WireGuard.Nsm $@.new
	mv $@.new $@

$(OUT)/man/wireguard-vsock.%: $(BINARY) $(SYSROOT)
	mkdir -p $(OUT)/man
	$(RUN) $(BINARY) help --man $(lastword $(subst ., ,$*)) >$@.new
	mv $@.new $@

# What a program for arm64 loads, unpacked and not installed: the machine's list of architectures stays as it is.
out/sysroot-arm64:
	scripts/setup.sh arm64
	scripts/debian.sh $@.new libc6,libssl --variant=extract --architectures=arm64
	mv $@.new $@

setup:
	scripts/setup.sh build run test vm packages

install: $(BINARY) $(MAN_PAGES)
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/wireguard-vsock
	install -D -m 644 $(OUT)/man/wireguard-vsock.8 $(DESTDIR)$(PREFIX)/share/man/man8/wireguard-vsock.8
	install -D -m 644 $(OUT)/man/wireguard-vsock.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/wireguard-vsock.conf.5
	install -D -m 644 completions/wireguard-vsock.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/wireguard-vsock
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in packaging/systemd/*.service; do \
	  sed 's|/usr/bin/wireguard-vsock|$(PREFIX)/bin/wireguard-vsock|' $$unit >$(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit##*/}; \
	done

# Written when it is another than at the last make.
$(OUT)/epoch: always
	mkdir -p $(OUT)
	[ "$$(cat $@ 2>/dev/null)" = $(SOURCE_DATE_EPOCH) ] || echo $(SOURCE_DATE_EPOCH) >$@

# What the program is made of and loads: a bill of materials, for CycloneDX's readers.
sbom: $(SBOM)

# It has the commit's time.
$(SBOM): $(BINARY) scripts/sbom.sh .config/dotnet-tools.json $(OUT)/epoch
	scripts/setup.sh sbom
	BINARY=$(BINARY) VERSION=$(VERSION) RUNTIME=$(RUNTIME) scripts/sbom.sh $@.new
	mv $@.new $@

deb: $(BINARY) $(MAN_PAGES) $(SBOM)
	$(PACKING) packaging/build-deb

rpm: $(BINARY) $(MAN_PAGES) $(SBOM)
	scripts/setup.sh rpm
	$(PACKING) packaging/build-rpm

image: $(BINARY) $(SBOM) $(SYSROOT)
	scripts/setup.sh image
	$(PACKING) SYSROOT=$(SYSROOT) packaging/build-image

# What is published, with what it was built with and the sums of all, in out/release; for another RUNTIME in the same folder.
release: deb rpm image $(if $(VARIANT),,pack)
	$(if $(CPU),$(error make release is for any processor: without CPU=))
	$(BUILT) OUT=$(OUT) scripts/release.sh

buildinfo:
	@$(BUILT) scripts/buildinfo.sh

# A release, or a commit, built again in an empty folder and compared.
verify:
	@FILE='$(FILE)' SUMS='$(SUMS)' scripts/verify.sh '$(VERSION)'

# The libraries, for NuGet: they build aside, and where the sources lie, or were cloned from, does not show in them.
pack:
	scripts/setup.sh build
	for library in Protocol Attestation; do \
	  dotnet pack src/WireGuard.$$library -c Release -p:ContinuousIntegrationBuild=true -p:EnableSourceLink=false -p:Version=$(VERSION) --artifacts-path out/pack -o $(PACKAGES) || exit; \
	done

demo: $(BINARY)
	scripts/setup.sh run
	scripts/demo.sh

demo-attested: $(BINARY) $(NSM)
	scripts/setup.sh vm
	tests/e2e/enclave/boot --demo

test: $(BINARY) $(DOORS)
	scripts/setup.sh build test vm packages fuzz
	scripts/test.sh unit fuzz interleavings namespaces vsock vm enclave packages reproducible chaos

test-unit:
	scripts/setup.sh build
	scripts/test.sh unit

test-e2e: $(BINARY)
	scripts/setup.sh test
	scripts/test.sh namespaces $(PATTERN)

test-vsock: $(BINARY)
	scripts/setup.sh test vm
	scripts/test.sh vsock $(PATTERN)

test-vm: $(BINARY)
	scripts/setup.sh test vm
	scripts/test.sh vm $(PATTERN)

test-enclave: $(BINARY)
	scripts/setup.sh test vm
	scripts/test.sh enclave $(PATTERN)

test-packages: $(BINARY)
	scripts/setup.sh build test packages
	scripts/test.sh packages $(PATTERN)

test-reproducible: $(BINARY)
	scripts/setup.sh build rpm sbom
	scripts/test.sh reproducible

test-fuzz:
	scripts/setup.sh build fuzz
	scripts/test.sh fuzz

# Bytes that others choose, to whatever reads them, for so many seconds a target: make fuzz SECONDS=600 TARGET=coalesce
fuzz:
	scripts/setup.sh build fuzz
	tests/Fuzz/run $(call given,60) $(TARGET)

fuzz-replay:
	scripts/setup.sh build
	tests/Fuzz/run replay $(TARGET) $(FILE)

# What threads share, under bad schedules, for so many seconds: make interleavings SECONDS=3600 SEED=1 PATTERN=activity
interleavings:
	scripts/setup.sh build
	tests/Interleavings/run $(call given,60) "$(SEED)" "$(PATTERN)"

test-interleavings:
	scripts/setup.sh build
	scripts/test.sh interleavings

# Makes the corpora of what make fuzz has found.
fuzz-corpora:
	scripts/setup.sh build
	tests/Fuzz/run minimise $(TARGET)

# What the same lanes carry without encryption. It has build folders and a name of its own.
$(LIMIT_PROBE): $(SOURCES) $(wildcard bench/LimitProbe/*)
	scripts/setup.sh build
	dotnet publish src/WireGuard.Vsock -c Release -r $(HERE) -p:LimitProbe=true --artifacts-path out/limit-probe -o out/limit-probe/publish
	cp out/limit-probe/publish/wireguard-vsock $@.new
	mv $@.new $@

doors: $(DOORS)

$(DOORS): $(SOURCES)
	scripts/setup.sh build
	dotnet publish src/WireGuard.Vsock -c Release -r $(HERE) -p:Doors=true --artifacts-path out/doors -o out/doors/publish
	cp out/doors/publish/wireguard-vsock $@.new
	mv $@.new $@

# The default of SECONDS is a measurement's.
given = $(if $(filter file default undefined,$(origin SECONDS)),$1,$(SECONDS))

chaos: $(DOORS)
	scripts/setup.sh test vm
	tests/chaos/run --seconds $(call given,180) $(if $(SEED),--seed $(SEED)) $(if $(BREAK),--break $(BREAK)) $(if $(SETUPS),--setups "$(SETUPS)")

test-chaos: $(DOORS)
	scripts/setup.sh test vm
	scripts/test.sh chaos

soak: $(BINARY)
	scripts/setup.sh test bench
	tests/chaos/soak --seconds $(call given,3600) --docs

flood: $(BINARY)
	scripts/setup.sh test bench
	tests/chaos/flood --seconds $(SECONDS) --docs

bench: $(BINARY) $(LIMIT_PROBE)
	scripts/setup.sh test bench
	bench/run --rounds $(ROUNDS) --seconds $(SECONDS) --rows "$(ROWS)" --measures "$(MEASURES)" $(if $(BASE),--base $(BASE),$(if $(ROWS)$(MEASURES),,--docs))

bench-vsock: $(BINARY)
	scripts/setup.sh test vm
	bench/vsock/run --rounds $(ROUNDS) --seconds $(SECONDS) --docs

bench-scale: $(BINARY)
	scripts/setup.sh build test
	bench/scale --peers $(PEERS) --docs

bench-startup: $(BINARY)
	scripts/setup.sh test bench
	bench/startup --docs

bench-profile: $(BINARY) $(LIMIT_PROBE)
	scripts/setup.sh test
	bench/profile $(or $(ROWS),ours-tcp) $(SECONDS)

bench-micro:
	scripts/setup.sh build
	dotnet run --project bench/micro -c Release -- --filter '$(FILTER)'

lint:
	scripts/setup.sh build lint
	scripts/lint.sh

lock:
	scripts/setup.sh build
	scripts/lock.sh

clean:
	rm -rf out
	find src tests bench \( -name bin -o -name obj \) -type d -prune -exec rm -rf {} +
