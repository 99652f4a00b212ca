"""Signs tokens with PyJWT, a library that shares no code with those of Node.js or Rust.

Standard input: a JSON list of {"key", "alg", "claims", "header"?}, where "key" is a private key as PEM or an
HS256 secret. Standard output: a JSON list of the tokens in the same order. Needs PyJWT and cryptography: on
Debian the packages python3-jwt and python3-cryptography.
"""

import json
import sys

import cryptography  # noqa: F401 - without it PyJWT signs HS256 only, and says so late
import jwt


def signed(order):
    return jwt.encode(order["claims"], order["key"], algorithm=order["alg"], headers=order.get("header"))


if __name__ == "__main__":
    json.dump([signed(order) for order in json.load(sys.stdin)], sys.stdout)
