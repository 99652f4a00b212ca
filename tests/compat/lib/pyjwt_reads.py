"""Reads tokens with PyJWT, a library that shares no code with those of Node.js or Rust.

Standard input: a JSON list of {"token", "key", "alg", "audience"?, "issuer"?}, where "key" is a public key as PEM or
an HS256 secret. Standard output: a JSON list of the claims in the same order; {"refused": CLASS} where PyJWT does not
believe a token. Needs PyJWT and cryptography.
"""

import json
import sys

import jwt


def claims(order):
    options = {"require": ["exp", "iat", "nbf"], "verify_aud": "audience" in order}
    given = {name: order[name] for name in ("audience", "issuer") if name in order}
    try:
        return jwt.decode(order["token"], order["key"], algorithms=[order["alg"]], options=options, **given)
    except jwt.PyJWTError as error:
        return {"refused": type(error).__name__}


if __name__ == "__main__":
    json.dump([claims(order) for order in json.load(sys.stdin)], sys.stdout)
