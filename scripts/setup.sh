#!/usr/bin/env bash
# Prepare this checkout: Python environment, npm packages, Foundry tools, Solidity compiler, compiled contracts.
#
# Idempotent, and quick when nothing changed: a stamp over the lock files decides. Everything is written
# inside the checkout, except that ape's keystores stay in ~/.ape/accounts.
#
#   PYTHON=/path/to/python3.12   the interpreter to make .venv with (default: the first suitable on PATH)
#   QUOIN_SOLC=npm               do not try to download the native Solidity compiler; npm's gives the same output
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

UV_VERSION=0.13.8
STAMP=.toolchain/stamp

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

suitable() { # Python 3.11 or 3.12, with what makes a virtual environment (Debian keeps that apart, in python3-venv)
  "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null
}

find_python() {
  local candidate candidates=${PYTHON:-python3.11 python3.12 python3 python}
  for candidate in $candidates; do
    if suitable "$candidate"; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  die "Python 3.11 or 3.12 with the venv module is needed. Tried: $candidates. Set PYTHON to its path."
}

check_node() {
  command -v node >/dev/null || die "Node.js 20 or newer is needed, and there is no 'node' on PATH."
  command -v npm >/dev/null || die "npm is needed, and is not on PATH."
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || die "Node.js 20 or newer is needed; this is $(node --version)."
}

# What the environment depends on; a change of any of it sets the environment up anew.
fingerprint() {
  { cat requirements.lock package-lock.json scripts/setup.sh scripts/_environment.py scripts/solcjs.cjs
    printf '%s\n' "${QUOIN_SOLC:-native}"
    .venv/bin/python -V
  } | cksum
}

ready() {
  usable_venv && [ -d node_modules ] && [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ]
}

with_pip() {
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

with_uv() {
  with_pip "uv==$UV_VERSION" &&
    UV_SYSTEM_CERTS=true VIRTUAL_ENV=.venv .venv/bin/uv pip sync --quiet --require-hashes requirements.lock
}

usable_venv() { # one with a suitable Python, and made here: a venv does not survive being moved
  suitable .venv/bin/python && grep -qF "$PWD/.venv" .venv/bin/activate
}

python_packages() {
  if ! usable_venv; then
    local python
    python=$(find_python)
    say "creating .venv with $("$python" -V)"
    rm -rf .venv
    "$python" -m venv .venv
  fi
  say "installing Python packages from requirements.lock"
  # uv takes seconds where pip takes a minute; pip is the way out where uv cannot be used.
  if with_uv >.toolchain/uv.log 2>&1; then
    return
  fi
  tail -n 3 .toolchain/uv.log | sed 's/^/setup: uv: /' >&2
  say "uv did not succeed; installing with pip, which takes about a minute"
  with_pip --require-hashes -r requirements.lock
}

# So that everything run from .venv/bin finds the tools of this checkout without an activated venv.
environment() {
  local site
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  cp scripts/_environment.py "$site/quoin_environment.py"
  printf 'import quoin_environment\n' >"$site/quoin_environment.pth"
}

npm_packages() {
  say "installing npm packages from package-lock.json"
  npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
}

foundry() {
  local arch system tool binary
  case "$(uname -m)" in x86_64 | amd64) arch=amd64 ;; aarch64 | arm64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
  system=$(uname -s | tr '[:upper:]' '[:lower:]')
  for tool in anvil forge cast; do
    binary=node_modules/@foundry-rs/$tool-$system-$arch/bin/$tool
    if [ -x "$binary" ]; then
      ln -sfn "../../$binary" ".venv/bin/$tool"
    elif command -v "$tool" >/dev/null; then
      say "$tool: no pinned build for $system-$arch, using $(command -v "$tool")"
    else
      say "$tool: no pinned build for $system-$arch; install Foundry 1.7.1 to use it"
    fi
  done
}

# py-solc-x (ape) and forge look for an executable called solc-v<version>: the native build where it can be downloaded,
# else npm's build of the same compiler behind a launcher, which gives the same output a little later.
solidity_compiler() {
  local version folder=.toolchain/solcx
  version=$(node -p 'require("solc/package.json").version')
  mkdir -p "$folder"
  rm -f "$folder/solc-v$version"
  if [ "${QUOIN_SOLC:-native}" = native ]; then
    if timeout 60 .venv/bin/python -c "import solcx; solcx.install_solc('$version')" >.toolchain/solc.log 2>&1; then
      say "solc: native $version"
      return
    fi
    rm -f "$folder/solc-v$version"
    say "solc: no native build of $version to be had here; using npm's"
  fi
  cat >"$folder/solc-v$version.new" <<'LAUNCHER'
#!/bin/sh
exec node "$(dirname "$0")/../../scripts/solcjs.cjs" "$@"
LAUNCHER
  chmod +x "$folder/solc-v$version.new"
  mv -f "$folder/solc-v$version.new" "$folder/solc-v$version"
  say "solc: $("$folder/solc-v$version" --version | tail -n 1)"
}

# ape unpacks the contracts' dependencies once. An unpacking cut short would stay incomplete, hence afresh.
ape_dependencies() {
  say "unpacking the contracts' dependencies for ape"
  rm -rf .toolchain/ape/packages
  .venv/bin/ape pm install --verbosity ERROR
}

# Machine code is kept beside the sources, and made anew where they change; so no first start waits for all of it.
kernels() {
  say "compiling the kernels for this processor"
  .venv/bin/python -c 'import matcher.node'
}

# Keys are kept where every ape project keeps them, and outlive this checkout.
ape_accounts() {
  local accounts=.toolchain/ape/accounts home=~/.ape/accounts
  [ "$accounts" -ef "$home" ] && return
  mkdir -p "$home" .toolchain/ape
  [ -L "$accounts" ] || rmdir "$accounts" 2>/dev/null || [ ! -e "$accounts" ] ||
    die "$accounts holds keys of its own; move them to $home."
  ln -sfn "$home" "$accounts"
}

solidity_sources() {
  find contracts -name '*.sol' -not -path 'contracts/.cache/*' 2>/dev/null || true
}

compile() {
  [ -n "$(solidity_sources)" ] || return 0
  .venv/bin/python -m scripts.compile
}

mkdir -p .toolchain
if command -v flock >/dev/null; then # one at a time in this checkout
  exec 9>.toolchain/lock
  flock 9
fi

if ! ready; then
  check_node
  rm -f "$STAMP"
  python_packages
  environment
  npm_packages
  foundry
  solidity_compiler
  ape_accounts
  ape_dependencies
  kernels
  fingerprint >"$STAMP"
  say "environment ready"
fi
ape_accounts
[ "${1:-}" = --no-compile ] || compile
