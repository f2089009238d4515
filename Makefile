# What CI runs is what these targets run. On a machine with only Python >= 3.10 and Rust, `make demo` and `make test` are
# all the set-up: each target makes the virtual environment that it needs and rebuilds the extension when a source changed.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Any Python from 3.10 on; only used to make the virtual environments.
PYTHON ?= python3
VENV := .venv
VENV_TORCH := .venv-torch
# Extra arguments, as in `make test PYTEST="-k stream"` and `make versus VERSUS="--rounds 1"`.
PYTEST ?=
PROOFS ?=
BENCH ?=
VERSUS ?=
RIVALS ?=

SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
BIN_TORCH := $(VENV_TORCH)/$(SCRIPTS)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUST_SOURCES := $(shell find src -name '*.rs') Cargo.toml Cargo.lock
CARGO_TEST := $(if $(shell cargo nextest --version 2>/dev/null),cargo nextest run --no-fail-fast,cargo test --tests)

##@ Everyday

.PHONY: help
help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-12s  %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(VENV)/built ## train on all four sequence problems, less than a minute, and show what came out
	$(BIN)/python -m rustlstm demo

.PHONY: test
test: test-rust test-python ## all everyday tests, Rust and Python, at every SIMD level of this machine

.PHONY: check
check: check-rust check-python ## format, lint, types, docs, stub against binary, imports against the storeys

.PHONY: bench
bench: ## criterion benches (BENCH="--bench lstm" for one of them)
	cargo bench $(BENCH)

# Counts first: they need no quiet machine.
.PHONY: bench-floor
bench-floor: ## fail where a kernel falls behind what it has reached, or takes more instructions
	cargo bench --bench instructions
	cargo bench --bench floor

.PHONY: clean
clean: ## remove the virtual environments and everything that was built
	rm -rf $(VENV) $(VENV_TORCH) dist .mypy_cache .ruff_cache .pytest_cache python/rustlstm/_core*.so python/rustlstm/_core*.pyd
	cargo clean

##@ Parts

.PHONY: test-rust
test-rust: ## Rust tests and doc tests; they go through the levels themselves
	$(CARGO_TEST)
	cargo test --doc

# The first run is at the level that the library chooses; the others force each further level that the machine has.
.PHONY: test-python
test-python: $(VENV)/built ## Python tests, once for each level
	$(BIN)/python -m pytest -m "not slow" $(PYTEST)
	levels=$$($(BIN)/python tests/python/conftest.py); \
	for level in $$levels; do \
	    echo "again with RUSTLSTM_SIMD=$$level"; \
	    RUSTLSTM_SIMD=$$level $(BIN)/python -m pytest -q -m "not slow and not once" $(PYTEST); \
	done

.PHONY: test-slow
test-slow: $(VENV)/built ## the tests that are too slow for every day
	cargo test --release --test rust -- --ignored
	$(BIN)/python -m pytest -m slow $(PYTEST)

.PHONY: scan
scan: ## exp, sigmoid and tanh over all 2^32 inputs
	cargo test --release --test rust -- --ignored scan --nocapture

.PHONY: fuzz
fuzz: $(VENV)/built ## a million damaged files through the loader: memory, and against the `safetensors` package
	cargo test --release --test fuzz -- --ignored --nocapture
	$(BIN)/python -m pytest -s -m slow tests/python/test_fuzz_checkpoint.py

.PHONY: check-rust
check-rust: $(VENV)/tools ## rustfmt, clippy with and without Python, rustdoc, imports
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	PYO3_PYTHON="$(CURDIR)/$(BIN)/python" cargo clippy --lib --features python -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
	cargo test --test rust architecture

.PHONY: check-python
check-python: $(VENV)/built ## ruff, mypy --strict, stub against binary, imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict
	$(BIN)/python -m pytest -q tests/python/test_architecture.py tests/python/test_stub.py tests/python/test_wheel.py

.PHONY: format
format: $(VENV)/tools ## write what `make check` would ask for
	cargo fmt
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

##@ Other machines and libraries

.PHONY: wheel
wheel: $(VENV)/built ## build the wheel into dist/ and check its size, import time and instructions
	rm -rf dist
	$(BIN)/maturin build --release --out dist --interpreter $(BIN)/python
	RUSTLSTM_WHEEL=$$(echo dist/*.whl) $(BIN)/python -m pytest -q -s tests/python/test_wheel.py

.PHONY: parity
parity: $(VENV_TORCH)/built ## compare with torch.nn.LSTM and with ONNX Runtime (about 5 GB in .venv-torch, kept)
	$(BIN_TORCH)/python -m pytest tests/python/parity -o addopts="--strict-markers --import-mode=importlib" $(PYTEST)

.PHONY: versus
versus: $(VENV_TORCH)/built $(VENV_TORCH)/rivals ## time side by side with other libraries, tables and a chart (.venv-torch too)
	$(BIN_TORCH)/python benches/versus/run.py --record target/versus $(VERSUS)

.PHONY: growth
growth: $(VENV_TORCH)/built ## what growing work, options, tiny numbers and memory cost, tables and charts (.venv-torch too)
	$(BIN_TORCH)/python benches/versus/growth.py --record target/growth
	$(BIN_TORCH)/python benches/versus/options.py --record target/options
	$(BIN_TORCH)/python benches/versus/denormals.py --record target/denormals
	$(BIN_TORCH)/python benches/versus/memory.py --record target/memory

.PHONY: rivals
rivals: ## time the crate beside candle-nn and burn (RIVALS="--shapes tiny"); the first build takes long
	cd benches/rivals && cargo run --release -- $(RIVALS)

.PHONY: proofs
proofs: $(VENV)/built ## train on classic tasks and real data, hours (PROOFS="imdb scan" for some), and write docs/results.md
	$(BIN)/python benches/proofs/run.py $(PROOFS)

# Dynamic linking hangs under emulation when a thread starts, hence crt-static. Doc tests are left out.
ARM64 := aarch64-unknown-linux-gnu
ARM64_RUSTC ?= $(shell for rustc in rustc /usr/bin/rustc; do \
    if [ -n "$$(ls "$$($$rustc --print target-libdir --target $(ARM64) 2>/dev/null)" 2>/dev/null)" ]; then echo $$rustc; break; fi; done)

.PHONY: test-arm64
test-arm64: ## cross-compile the Rust tests and run them, NEON included, under qemu-aarch64
	@missing=""; \
	[ -n "$(ARM64_RUSTC)" ] || missing="$$missing rustc-web libstd-rust-web-dev:arm64"; \
	command -v aarch64-linux-gnu-gcc >/dev/null || missing="$$missing gcc-aarch64-linux-gnu libc6-dev-arm64-cross"; \
	command -v qemu-aarch64 >/dev/null || missing="$$missing qemu-user"; \
	if [ -n "$$missing" ]; then \
	    echo "make test-arm64 needs more packages. On Debian, as root:"; \
	    echo "    dpkg --add-architecture arm64 && apt-get update && apt-get install --no-install-recommends$$missing"; \
	    echo "(with rustup, \`rustup target add $(ARM64)\` does in place of rustc-web and libstd-rust-web-dev)"; \
	    exit 1; \
	fi
	RUSTC="$(ARM64_RUSTC)" \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static" \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64 RUSTLSTM_TEST_RUNNER=qemu-aarch64 \
	cargo test --target $(ARM64) --lib --test rust -- $(TEST)

# Bochs runs a boot and a few dozen million instructions a second, so these are the products of every shape and a sample
# of layers, whose bits must be those of AVX2; that one is held against the reference on any machine. crt-static, because
# the emulated machine has no libraries. AVX512_TEST="a_filter another" runs other tests.
X86_64 := x86_64-unknown-linux-gnu
KERNEL ?= $(lastword $(sort $(wildcard /boot/vmlinuz-*)))
AVX512_TEST ?= simd:: gemm:: fused_levels_give_the_same_bits
# Of that test of layers, each so-many-th case; an odd number takes rows of equal and of different lengths in turn.
AVX512_SAMPLE ?= 5

.PHONY: test-avx512
test-avx512: ## run a choice of the Rust tests on a CPU with AVX-512 that Bochs emulates (minutes)
	@missing=""; \
	command -v bochs >/dev/null || missing="$$missing bochs bochsbios vgabios"; \
	[ -e /usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so ] || missing="$$missing bochs-term"; \
	[ -x /bin/busybox ] || missing="$$missing busybox-static"; \
	[ -e /usr/lib/ISOLINUX/isolinux.bin ] || missing="$$missing isolinux"; \
	[ -e /usr/lib/syslinux/modules/bios/ldlinux.c32 ] || missing="$$missing syslinux-common"; \
	command -v xorriso >/dev/null || missing="$$missing xorriso"; \
	command -v cpio >/dev/null || missing="$$missing cpio"; \
	[ -e "$(KERNEL)" ] || missing="$$missing linux-image-cloud-amd64"; \
	if [ -n "$$missing" ]; then \
	    echo "make test-avx512 needs more packages. On Debian, as root:"; \
	    echo "    apt-get update && apt-get install --no-install-recommends$$missing"; \
	    echo "(any other x86-64 Linux does in place of linux-image-cloud-amd64: make test-avx512 KERNEL=path)"; \
	    exit 1; \
	fi
	KERNEL="$(KERNEL)" RUSTLSTM_ENSURE_SIMD=avx512 RUSTLSTM_SAMPLE=$(AVX512_SAMPLE) \
	CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static" \
	CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$(CURDIR)/tests/emulation/bochs.sh" \
	cargo test --target $(X86_64) --lib --test rust -- $(AVX512_TEST)

# --- the environments -------------------------------------------------------------------------------------------------
# tools: the virtual environment with maturin. built: our package in it, in place, so a change of a Python file needs no
# build; a change of pyproject.toml installs anew, a change of a Rust source only builds the extension.

define MAKE_VENV
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed; say which: make PYTHON=python3.12")'
	test -x $(dir $@)$(SCRIPTS)/python || $(PYTHON) -m venv $(dir $@)
	$(dir $@)$(SCRIPTS)/python -m pip install --quiet "maturin>=1.9.4,<2"
	touch $@
endef

$(VENV)/tools: pyproject.toml
	$(MAKE_VENV)

$(VENV_TORCH)/tools: pyproject.toml
	$(MAKE_VENV)

%/installed: %/tools pyproject.toml
	VIRTUAL_ENV="$(CURDIR)/$*" $*/$(SCRIPTS)/maturin develop --release --extras test
	touch $@

%/built: %/installed $(RUST_SOURCES)
	VIRTUAL_ENV="$(CURDIR)/$*" $*/$(SCRIPTS)/maturin develop --release --skip-install
	touch $@

$(VENV_TORCH)/built: $(VENV_TORCH)/peers
$(VENV_TORCH)/peers: $(VENV_TORCH)/tools tests/python/parity/requirements.txt
	@df -Pk . | awk 'NR == 2 && $$4 < 8000000 {print "torch needs 5 GB; there are " int($$4 / 1e6) " GB free"; exit 1}'
	$(BIN_TORCH)/python -m pip install --quiet -r tests/python/parity/requirements.txt
	touch $@

$(VENV_TORCH)/rivals: $(VENV_TORCH)/peers benches/versus/requirements.txt
	$(BIN_TORCH)/python -m pip install --quiet -r benches/versus/requirements.txt
	touch $@

.PRECIOUS: %/tools %/installed %/built
