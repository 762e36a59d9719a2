# The commands of this house; `just --list` shows them.

# All that must be green before a commit
check: fmt clippy doc guard tidy

fmt:
    cargo fmt --all --check

clippy:
    cargo clippy --locked --workspace --all-targets -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

guard:
    infra/dependency-guard

# Caps on files and functions, and what must not be in the tree
tidy:
    tests/run tidy

# Every test
test *arguments:
    tests/run {{arguments}}

demo:
    cargo run --release --bin fluxgate -- demo

bench:
    cargo run --release --bin fluxgate -- bench
