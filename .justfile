# The commands of this house; `just --list` shows them.

# All that must be green before a commit
check: fmt clippy doc guard deny tidy

fmt:
    cargo fmt --all --check

clippy:
    cargo clippy --locked --workspace --all-targets -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

guard:
    infra/dependency-guard

# Licences, banned crates, crates in two versions
deny:
    infra/deny

# Caps on files and functions, and what must not be in the tree
tidy:
    tests/run tidy

# The templates, without asking AWS
templates:
    infra/lint

# Every test
test *arguments:
    tests/run {{arguments}}

demo:
    cargo run --release --bin fluxgate -- demo

bench:
    cargo run --release --bin fluxgate -- bench

# Measures all of `fluxgate bench` again, and writes the tables of the figures page
figures:
    cargo build --release --workspace --bin fluxgate
    tests/peers
    cargo run --release --bin fluxgate -- bench --json > shared/docs/reference/figures/speed.json
    cargo run --release --bin fluxgate -- bench --callbacks --json > shared/docs/reference/figures/callbacks.json
    cargo run --release --bin fluxgate -- bench --growth 1000000 --json > shared/docs/reference/figures/growth.json
    cargo run --release --bin fluxgate -- bench --peers --json > shared/docs/reference/figures/peers.json
    cargo run --release --bin fluxgate -- bench --figures shared/docs/reference/figures/*.json

# The Lambda functions into infra/artifacts, for arm64 or x86_64
build *architecture:
    infra/build {{architecture}}

# How large the functions are
size *arguments:
    infra/size {{arguments}}

# What a task costs on AWS, counted on an emulated one
cost *arguments:
    infra/cost {{arguments}}

# Practises a restore of the table on an emulated AWS
drill:
    infra/drill restore

# Bumps the version, closes the CHANGELOG's section, commits and tags; e.g. just release 0.2.0
release version:
    infra/release {{version}}
